{#-
    The changed message ids of `int_events__keys`, and where their copies must be looked for.

    pending   the pending landings
    standing  the winners that lie in them
    arrived   every row of the pending landings
    changed   the ids of those rows, and the ids whose standing winner lies in a pending landing
    lost      ids whose standing winner vanished from its pending landing (an erasure): only for these must the
              tenant's other landings be searched, because losing copies are not remembered
-#}
{% macro prepare_event_keys() %}
    {% set pending %}
        select f.file_id from {{ source("ctl", "file") }} as f where f.version is distinct from f.built_version
    {% endset %}
    {% set standing %}
        select k.* from {{ this }} as k
        where k.file_id in (select p.file_id from int_events__keys__pending as p){{ among_few("k.file_id") }}
    {% endset %}
    {% set arrived %}
        select e.tenant, e.message_id, e.received_at, e.file_id, e.ingest_row
        from {{ lake_rows("events") }} as e
        where e.file_id in (select p.file_id from int_events__keys__pending as p)
    {% endset %}
    {% set lost %}
        select k.tenant, k.message_id
        from int_events__keys__standing as k
        where
            not exists (
                select 1 from int_events__keys__arrived as a
                where a.tenant = k.tenant and a.message_id = k.message_id
                    and a.file_id = k.file_id and a.ingest_row = k.ingest_row
            )
    {% endset %}
    {% set changed %}
        select a.tenant, a.message_id from int_events__keys__arrived as a
        union
        select k.tenant, k.message_id from int_events__keys__standing as k
    {% endset %}
    {% set other_landings %}
        select f.path
        from {{ source("ctl", "file") }} as f
        where f.path is not null
            and f.version is not distinct from f.built_version
            and f.tenant in (select l.tenant from int_events__keys__lost as l)
    {% endset %}
    {{ set_lake_files("events", pending_landings()) }}
    {{ temp_table("int_events__keys__pending", pending) }}
    {{ know_few("int_events__keys__pending", "file_id") }}
    {{ temp_table("int_events__keys__standing", standing) }}
    {{ temp_table("int_events__keys__arrived", arrived) }}
    {{ temp_table("int_events__keys__lost", lost) }}
    {{ temp_table("int_events__keys__changed", changed) }}
    {{ set_lake_files("events", other_landings) }}
{% endmacro %}
