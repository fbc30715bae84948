{#-
    Whether a model makes the columns that its contract declares; dbt calls this for every model with a contract on DuckDB.

    dbt's own asks the engine for the declared types too, by a statement for each model, and words each column through
    three macros, which a build of a small day feels. Here the engine is asked for the model's columns alone. What does not
    agree word by word is left to dbt, which knows other names of types and says what is wrong.
-#}
{% macro duckdb__get_assert_columns_equivalent(sql) %}
    {% do assert_contract(sql, get_column_schema_from_query(sql, config.get("sql_header", none))) %}
{% endmacro %}

{#- The same where the columns that the statement makes are known. -#}
{% macro assert_contract(sql, columns) %}
    {% set made, declared = [], [] %}
    {% for column in columns %} {% do made.append(column.name ~ " " ~ column.dtype | lower) %} {% endfor %}
    {% for column in model.columns.values() %}
        {% set type = (column.data_type or "") | lower | replace("double precision", "double") %}
        {% do declared.append(column.name ~ " " ~ type) %}
    {% endfor %}
    {% if made | sort != declared | sort %} {% do assert_columns_equivalent(sql) %} {% endif %}
{% endmacro %}

{#- The columns of two relations that have the same name but not the same type; dbt's own looks at all pairs of columns. -#}
{% macro default__diff_column_data_types(source_columns, target_columns) %}
    {% set targets, found = {}, [] %}
    {% for column in target_columns %} {% do targets.update({column.name: column}) %} {% endfor %}
    {% for column in source_columns if column.name in targets %}
        {% set standing = targets[column.name] %}
        {% set type = column.expanded_data_type %}
        {% if type != standing.expanded_data_type and not column.can_expand_to(other_column=standing) %}
            {% do found.append({"column_name": column.name, "new_type": type}) %}
        {% endif %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}
