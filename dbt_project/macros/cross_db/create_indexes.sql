{#-
    What PostgreSQL needs of a table that was just made (dbt calls this by its name; DuckDB needs nothing): an index on
    every column by which an incremental run looks rows up, and statistics, or joins with the next model go wrong.
-#}
{% macro postgres__create_indexes(relation) %}
    {% set spec = model.config.meta.get("incremental") %}
    {% if spec %}
        {% set columns = (
            [spec.key] + (spec.get("propagates") or []) | map(attribute="entity") | select("defined") | list
        ) %}
        {% for column in columns | unique %}
            {% do run_query("create index on " ~ relation ~ " (" ~ column ~ ")") %}
        {% endfor %}
    {% endif %}
    {% do run_query("analyze " ~ relation) %}
{% endmacro %}
