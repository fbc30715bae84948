{#- Measures of a fact per tenant, period, dimension and value, each macro one of `united_blocks`.
    The days of a period are those that `wanted` lists, a relation beside these. `count_distinct`: distinct ids, then a count. -#}
{% macro distinct(relation, measure, shape) %}
    {% set rest %}
        from (
            select {{ period_columns("f") }}, {{ dimension_columns(shape) }}, f.{{ measure.expr }} as counted
            from ({{ in_periods(relation, measure, shape) }}) as f
            {% if measure.filter %} where {{ measure.filter }}{% endif %}
            group by {{ grouping_sets([period_columns("f"), "f." ~ measure.expr], shape) }}
        ) as g
        group by {{ period_columns("g") }}, dimension, dimension_value
    {% endset %}
    {% set common = period_columns("g") ~ ", dimension, dimension_value" %}
    {{ return({"common": common, "own": [aggregate(measure)], "rest": rest}) }}
{% endmacro %}

{% macro grouped(relation, measures, shape) %}
    {% set own = [] %}
    {% for measure in measures %} {% do own.append(aggregate(measure)) %} {% endfor %}
    {% set rest %}
        from ({{ in_periods(relation, measures[0], shape) }}) as f
        group by {{ grouping_sets([period_columns("f")], shape) }}
    {% endset %}
    {{ return({"common": period_columns("f") ~ ", " ~ dimension_columns(shape), "own": own, "rest": rest}) }}
{% endmacro %}

{#- What adds up by day, from `kpi_daily_measures`. -#}
{% macro of_days(measures, by_day) %}
    {% set own = [] %}
    {% for one in measures %} {% do own.append("sum(" ~ by_day[one.name] ~ ")") %} {% endfor %}
    {% set rest %}
        from {{ ref("kpi_daily_measures") }} as d
        inner join wanted as w on w.tenant = d.tenant and w.local_date = d.local_date
        where w.fact = '{{ measures[0].fact }}' and d.fact = '{{ measures[0].fact }}'
        group by {{ period_columns("w") }}, d.dimension, d.dimension_value
    {% endset %}
    {{ return({"common": period_columns("w") ~ ", d.dimension, d.dimension_value", "own": own, "rest": rest}) }}
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
