{{ config(materialized="table", pre_hook="{{ set_lake_files('replays', files_of('replays')) }}") }}

with landed as (select * from {{ lake_rows("replays") }})

select tenant, source, received_at as replayed_at, quarantine_file_id, quarantine_row, file_id, ingest_row
from landed
