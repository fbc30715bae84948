{#- Aggregate: the texts of a group in one, with commas between them, in the order of these columns; null if there is none. -#}
{% macro listed_by(text, order) %} {{ return(adapter.dispatch("listed_by")(text, order)) }}{% endmacro %}

{#- A list is sorted in a quarter of the time that `string_agg` takes with an order. -#}
{% macro duckdb__listed_by(text, order) %}
    {% set fields = [] %}
    {% for column in order %} {% do fields.append("k" ~ loop.index ~ " := " ~ column) %} {% endfor %}
    {% set rows = (
        "list(struct_pack(" ~ fields
        | join(", ") ~ ", text := " ~ text ~ ")) filter (where " ~ text ~ " is not null)"
    ) %}
    {{ return("array_to_string(list_transform(list_sort(" ~ rows ~ "), lambda row: row.text), ', ')") }}
{% endmacro %}

{% macro postgres__listed_by(text, order) %}
    {{ return("string_agg(" ~ text ~ ", ', ' order by " ~ order | join(", ") ~ ")") }}
{% endmacro %}
