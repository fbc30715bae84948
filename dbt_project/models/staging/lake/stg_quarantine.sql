{{ config(materialized="table", pre_hook="{{ set_lake_files('quarantine', files_of('quarantine')) }}") }}

with landed as (select * from {{ lake_rows("quarantine") }})

select
    tenant,
    source,
    received_at,
    cast(received_at as date) as received_date,
    message_id,
    event,
    field,
    code,
    message,
    reasons,
    file_id,
    ingest_row
from landed
