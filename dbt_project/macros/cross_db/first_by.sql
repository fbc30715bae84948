{#-
    Aggregates: `value` in the first (last) row of a group by the columns of `order`, among the rows where `condition`
    holds. A null value of that row is a null; the order must be total, because nothing else breaks a tie.
-#}
{% macro first_by(value, order, condition="true") %}
    {{ return(adapter.dispatch("value_by")(value, order, condition, false)) }}
{% endmacro %}

{% macro last_by(value, order, condition="true") %}
    {{ return(adapter.dispatch("value_by")(value, order, condition, true)) }}
{% endmacro %}

{% macro duckdb__value_by(value, order, condition, is_last) %}
    {% set fields = [] %}
    {% for column in order %} {% do fields.append("k" ~ loop.index ~ " := " ~ column) %} {% endfor %}
    {{
        return(
            ("arg_max_null" if is_last else "arg_min_null") ~ "(" ~ value ~ ", struct_pack(" ~ fields
            | join(", ") ~ ")) filter (where " ~ condition ~ ")"
        )
    }}
{% endmacro %}

{% macro postgres__value_by(value, order, condition, is_last) %}
    {% set direction = " desc" if is_last else "" %}
    {{
        return(
            "(array_agg(" ~ value ~ " order by " ~ order
            | join(direction ~ ", ") ~ direction ~ ") filter (where " ~ condition ~ "))[1]"
        )
    }}
{% endmacro %}
