-- depends_on: {{ ref('stg_table_rows') }}
with
    landed as (select * from {{ ref("stg_table_rows") }}),

    -- The order is total, so the same version is current on every engine and whatever landed first.
    versions as (
        select
            l.*,
            row_number() over (
                partition by tenant, source, table_name, row_key
                order by {{ cursor_order("row_cursor") }} desc, received_at desc, file_id desc, ingest_row desc
            ) as version_rank
        from landed as l
    )

select tenant, source, table_name, row_key, row_cursor, data, received_at as fetched_at, file_id, ingest_row
from versions
where version_rank = 1
