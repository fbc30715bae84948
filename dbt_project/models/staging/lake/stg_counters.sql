{{
    config(
        materialized="incremental",
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "file_hash",
                "key_type": "varchar",
                "lake": "counters",
                "changed": [{"files": "counters"}],
            }
        },
    )
}}

with landed as (select * from {{ rows_of_lake_files("counters") }} as r)

select tenant, source, received_date, received, suppressed, erased, file_id, file_hash
from landed
