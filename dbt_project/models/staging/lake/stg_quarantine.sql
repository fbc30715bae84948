{{
    config(
        materialized="incremental",
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "file_hash",
                "key_type": "varchar",
                "lake": "quarantine",
                "changed": [{"files": "quarantine"}],
            }
        },
    )
}}

with landed as (select * from {{ rows_of_lake_files("quarantine") }} as r)

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
    ingest_row,
    file_hash
from landed
