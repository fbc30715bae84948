{#-
    Groups of the rows `f` of a fact by some columns, and beside these by each dimension of a shape.
-#}
{% macro grouping_sets(columns, shape) %}
    {% set sets = ["(" ~ columns | join(", ") ~ ")"] %}
    {% for dimension in shape.dimensions %}
        {% do sets.append("(" ~ (columns + ["f." ~ dimension]) | join(", ") ~ ")") %}
    {% endfor %}
    {{ return("grouping sets (" ~ sets | join(", ") ~ ")") }}
{% endmacro %}

{#- What the groups are named by beside their period: a dimension and its value. -#}
{% macro dimension_columns(shape) %}
    {% set named, values = [], [] %}
    {% for name in shape.dimensions %}
        {% do named.append("when grouping(f." ~ name ~ ") = 0 then '" ~ name ~ "'") %}
        {% do values.append("f." ~ name ~ ", ") %}
    {% endfor %}
    {% set dimension = "case " ~ (named | join(" ") or "when false then ''") ~ " else 'all' end as dimension" %}
    {{ return(dimension ~ ", coalesce(" ~ values | join ~ "'all') as dimension_value") }}
{% endmacro %}

{% macro period_columns(relation) %}
    {{ return([relation ~ ".tenant", relation ~ ".time_grain", relation ~ ".period_start"] | join(", ")) }}
{% endmacro %}

{#- The name of a period of a fact, the unit in which measures are made anew. -#}
{% macro period_key(row) %}
    {% set parts = [row ~ ".fact", row ~ ".time_grain", "cast(" ~ row ~ ".period_start as varchar)"] %}
    {{ return(parts | join(" || ' ' || ")) }}
{% endmacro %}
