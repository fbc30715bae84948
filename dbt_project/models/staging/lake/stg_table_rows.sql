{{ config(materialized="table", pre_hook="{{ set_lake_files('tables', files_of('tables')) }}") }}

with landed as (select * from {{ lake_rows("tables") }})

select tenant, source, table_name, received_at, row_key, row_cursor, data, file_id, ingest_row
from landed
