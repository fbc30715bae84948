{#- The names of the typed columns that the tracking plan adds to the envelope, in the lake's order. -#}
{% macro lake_columns(kind) %} {{ return(adapter.dispatch("lake_columns")(kind)) }}{% endmacro %}

{% macro duckdb__lake_columns(kind) %}
    {% set schema_file = run_query(
        "select max(path) from " ~ source("ctl", "lake_schema") ~ " where kind = '" ~ kind ~ "'"
    ) %}
    {% set rows = run_query("describe select * from read_parquet('" ~ schema_file.rows[0][0] ~ "')") %}
    {{ return(rows.columns[0].values() | list) }}
{% endmacro %}

{% macro postgres__lake_columns(kind) %}
    {% set rows = run_query(
        "select column_name from information_schema.columns where table_schema = 'raw' and table_name = '"
        ~ kind
        ~ "' order by ordinal_position"
    ) %}
    {{ return(rows.columns[0].values() | list) }}
{% endmacro %}
