{#-
    The rows of one kind of lake file (events, quarantine, counters, history).

    DuckDB reads the Parquet files that `set_lake_files` put into a session variable. PostgreSQL reads the raw table
    that `almanac.build` fills per landing.
-#}
{% macro lake_rows(kind) %} {{ return(adapter.dispatch("lake_rows")(kind)) }}{% endmacro %}

{% macro duckdb__lake_rows(kind) %}
    {{ return("read_parquet(getvariable('lake_" ~ kind ~ "'), union_by_name = true, hive_partitioning = false)") }}
{% endmacro %}

{% macro postgres__lake_rows(kind) %} {{ return("raw." ~ kind) }}{% endmacro %}
