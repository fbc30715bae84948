{#-
    The rows of a relation, each as many times as `entries` are wanted of it: with `columns` as they are and the entry's.
    An entry is a dictionary of `values` (SQL by name, over the relation's columns; all entries the same names, in the
    same order) and `wanted` (a condition).
-#}
{% macro unpivoted(relation, columns, entries) %}
    {{ return(adapter.dispatch("unpivoted")(relation, columns, entries)) }}
{% endmacro %}

{#- A list of structs: a correlated `values` takes twice as long. -#}
{% macro duckdb__unpivoted(relation, columns, entries) %}
    {% set names, structs = entries[0]["values"] | list, [] %}
    {% for entry in entries %}
        {% set pairs = [] %}
        {% for name in names %} {% do pairs.append(name ~ " := " ~ entry["values"][name]) %} {% endfor %}
        {% do structs.append("case when " ~ entry.wanted ~ " then struct_pack(" ~ pairs | join(", ") ~ ") end") %}
    {% endfor %}
    {% set sql %}
        select {{ columns | join(", ") }}{% for name in names %}, entry.{{ name }} as {{ name }}{% endfor %}
        from (
            select {{ columns | join(", ") }}, unnest([{{ structs | join(",\n") }}]) as entry
            from {{ relation }}
        ) as entries
        where entry is not null
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{% macro postgres__unpivoted(relation, columns, entries) %}
    {% set names, rows = entries[0]["values"] | list, [] %}
    {% for entry in entries %}
        {% do rows.append("(" ~ (entry["values"].values() | list + [entry.wanted]) | join(", ") ~ ")") %}
    {% endfor %}
    {% set sql %}
        select {{ columns | join(", ") }}{% for name in names %}, entry.{{ name }}{% endfor %}
        from {{ relation }}
        cross join lateral (values {{ rows | join(",\n") }}) as entry ({{ names | join(", ") }}, wanted)
        where entry.wanted
    {% endset %}
    {{ return(sql) }}
{% endmacro %}
