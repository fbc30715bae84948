{{ config(pre_hook="{{ set_lake_files('history', files_of('history')) }}") }}

with published as (select * from {{ lake_rows("history") }})

select
    publication_id,
    published_at,
    cause,
    is_removed,
    tenant,
    kpi,
    time_grain,
    period_start,
    dimension,
    dimension_value,
    numerator,
    denominator,
    value,
    is_complete
from published
