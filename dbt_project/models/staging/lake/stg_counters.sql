{{ config(materialized="table", pre_hook="{{ set_lake_files('counters', files_of('counters')) }}") }}

with landed as (select * from {{ lake_rows("counters") }})

select tenant, source, received_date, received, suppressed, erased, file_id
from landed
