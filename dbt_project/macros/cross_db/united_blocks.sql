{#-
    One relation of many selects that have columns in common and values of their own: the number of the select as `block`,
    the common columns, and the values as `value_1`, `value_2`, ... A select is a dictionary of `common` (SQL, named),
    `own` (a list of SQL) and `rest` (from `from` on). With `facts`, only the selects of their `fact` are there, and the first
    one, so that there is one.
-#}
{% macro united_blocks(selects, type, facts=none) %}
    {% set united, width = [], selects | map(attribute="own") | map("length") | max %}
    {% for one in selects %}
        {% set columns = [loop.index ~ " as block", one.common] %}
        {% for number in range(1, width + 1) %}
            {% set value = one.own[number - 1] if number <= one.own | length else "null" %}
            {% do columns.append("cast(" ~ value ~ " as " ~ type ~ ") as value_" ~ number) %}
        {% endfor %}
        {% set is_asked = facts is none or loop.first or one.fact in facts %}
        {% do united.append("select " ~ columns | join(", ") ~ one.rest) if is_asked %}
    {% endfor %}
    {{ return(united | join("\nunion all\n")) }}
{% endmacro %}

{#-
    Where each value of `blocks` stands in a `row` of their table: SQL by the names that a block has under `measures`, whose
    own column is the next `value_` unless it says another one that it is `kept_in`.
-#}
{% macro values_of_blocks(blocks, row) %}
    {% set found = {} %}
    {% for block in blocks %}
        {% set is_own = "case when " ~ row ~ ".block = " ~ loop.index ~ " then " ~ row ~ "." %}
        {% for one in block.measures %}
            {% do found.update({one.name: is_own ~ (one.kept_in or "value_" ~ loop.index) ~ " end"}) %}
        {% endfor %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}
