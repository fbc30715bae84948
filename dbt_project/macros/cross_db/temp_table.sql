{#- Creates a temporary table, replacing one that an earlier run left in this connection. -#}
{% macro temp_table(name, query) %} {{ return(adapter.dispatch("temp_table")(name, query)) }}{% endmacro %}

{% macro duckdb__temp_table(name, query) %}
    {{ return("create or replace temporary table " ~ name ~ " as " ~ query ~ ";\n") }}
{% endmacro %}

{% macro postgres__temp_table(name, query) %}
    {{
        return(
            "drop table if exists pg_temp."
            ~ name
            ~ ";\n"
            ~ "create temporary table "
            ~ name
            ~ " as "
            ~ query
            ~ ";\nanalyze "
            ~ name
            ~ ";\n"
        )
    }}
{% endmacro %}
