{#- Measures of a fact per tenant, period, dimension and value, a column each. `count_distinct`: distinct ids, then a count.
    The days of a period are those that `wanted` lists, a relation beside these. -#}
{% macro distinct(relation, measure, shape) %}
    {% set sql %}
        select {{ period_columns("g") }}, dimension, dimension_value{{ measure_columns([measure]) }}
        from (
            select {{ period_columns("f") }}, {{ dimension_columns(shape) }}, f.{{ measure.expr }} as counted
            from ({{ in_periods(relation, measure, shape) }}) as f
            {% if measure.filter %} where {{ measure.filter }}{% endif %}
            group by {{ grouping_sets([period_columns("f"), "f." ~ measure.expr], shape) }}
        ) as g
        group by {{ period_columns("g") }}, dimension, dimension_value
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{% macro grouped(relation, measures, shape) %}
    {% set sql %}
        select {{ period_columns("f") }}, {{ dimension_columns(shape) }}{{ measure_columns(measures) }}
        from ({{ in_periods(relation, measures[0], shape) }}) as f
        group by {{ grouping_sets([period_columns("f")], shape) }}
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{#- The fact's rows, each once for every wanted period that it counts in; a level's where `is_level` says. -#}
{% macro in_periods(relation, measure, shape) %}
    {% set sql %}
        select t.*, w.time_grain, w.period_start
        from {{ relation }} as t
        inner join wanted as w on w.tenant = t.tenant and w.local_date = t.{{ measure.time }}
        where w.fact = '{{ measure.fact }}' and w.time_grain in ('{{ shape.grains | join("', '") }}')
        {% if measure.is_level %} and {{ measure.is_level }}{% endif %}
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{% macro period_columns(relation) %}
    {{ return([relation ~ ".tenant", relation ~ ".time_grain", relation ~ ".period_start"] | join(", ")) }}
{% endmacro %}

{#- A column for every measure computed here (or added `of_days`); the others are null where a union asks for them. -#}
{% macro measure_columns(computed, of_days=none, names=none) %}
    {% set own, columns = {}, [] %}
    {% for one in computed %}
        {% set part = one.name ~ ("[w.grain_number]" if one.firsts else "") %}
        {% do own.update({one.name: "sum(" ~ of_days ~ "." ~ part ~ ")" if of_days else aggregate(one)}) %}
    {% endfor %}
    {% for name in (own if union_by_name() else names or measure_names()) %}
        {% set type = "bigint[]" if names and names[name] else "decimal(28, 4)" %}
        {% do columns.append(", " ~ own.get(name, "cast(null as " ~ type ~ ")") ~ " as " ~ name) %}
    {% endfor %}
    {{ return(columns | join) }}
{% endmacro %}

{#- The name of a period of a fact, the unit in which measures are made anew. -#}
{% macro period_key(row) %}
    {% set parts = [row ~ ".fact", row ~ ".time_grain", "cast(" ~ row ~ ".period_start as varchar)"] %}
    {{ return(parts | join(" || ' ' || ")) }}
{% endmacro %}
