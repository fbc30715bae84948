{#-
    The rows of one kind of small lake files (quarantine, counters) with `file_hash`, which tells one content of a file
    from another: the key by which an incremental model takes over what came and lets go what went.

    PostgreSQL has them in raw tables that each build fills anew, so all of them are one file there.
-#}
{% macro rows_of_lake_files(kind) %} {{ return(adapter.dispatch("rows_of_lake_files")(kind)) }}{% endmacro %}

{% macro duckdb__rows_of_lake_files(kind) %}
    {% set sql %}
        (
            select r.* exclude (lake_path), f.file_hash
            from read_parquet(
                getvariable('lake_{{ kind }}'), union_by_name = true, hive_partitioning = false, filename = 'lake_path'
            ) as r
            inner join {{ source("ctl", "lake_file") }} as f on f.path = r.lake_path
        )
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{% macro postgres__rows_of_lake_files(kind) %}
    {{ return("(select r.*, cast('' as varchar) as file_hash from " ~ lake_rows(kind) ~ " as r)") }}
{% endmacro %}

{#- The files of a kind that this model does not have as they are, and those of its own that are gone. -#}
{% macro changed_lake_files(kind) %} {{ return(adapter.dispatch("changed_lake_files")(kind)) }}{% endmacro %}

{% macro duckdb__changed_lake_files(kind) %}
    {% set sql %}
        select coalesce(f.tenant, t.tenant) as tenant, coalesce(f.file_hash, t.file_hash) as entity
        from (select * from {{ source("ctl", "lake_file") }} where kind = '{{ kind }}') as f
        full join (select distinct tenant, file_hash from {{ this }}) as t using (tenant, file_hash)
        where f.file_hash is null or t.file_hash is null
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{% macro postgres__changed_lake_files(kind) %}
    {% set sql %}
        select tenant, '' as entity from {{ lake_rows(kind) }}
        union
        select tenant, file_hash as entity from {{ this }}
    {% endset %}
    {{ return(sql) }}
{% endmacro %}
