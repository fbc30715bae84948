{#-
    Says which files `lake_rows(kind)` reads in this session; `files` is a query with one column, the path.

    The zero-row file that carries the full schema always comes first: an empty list is an error in DuckDB, and a
    column declared after a file was written must still exist. PostgreSQL holds the rows in tables: nothing to set.
-#}
{% macro set_lake_files(kind, files) %} {{ return(adapter.dispatch("set_lake_files")(kind, files)) }}{% endmacro %}

{% macro duckdb__set_lake_files(kind, files) %}
    {% set sql %}
        set variable lake_{{ kind }} = (
            select [max(f.path)] from {{ source("ctl", "lake_schema") }} as f where f.kind = '{{ kind }}'
        ) || coalesce((select list(distinct p.path order by p.path) from ({{ files }}) as p), []);
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{% macro postgres__set_lake_files(kind, files) %} {{ return("") }}{% endmacro %}
