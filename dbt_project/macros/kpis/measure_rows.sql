{#-
    All measures of one fact per tenant, time grain, period and dimension: one pass with grouping sets.

    `count_distinct` measures go in two levels (distinct ids per group first, then a count): inside grouping sets a
    distinct count costs several times as much. Their rows come as rows of their own; readers add rows up.
-#}
{% macro measure_rows(fact, relation) %}
    {% set measures = measures_of(fact) %}
    {% set distinct = measures | selectattr("agg", "equalto", "count_distinct") | list %}
    {% set plain = measures | rejectattr("agg", "equalto", "count_distinct") | list %}
    {% set time = measures[0].time %}
    {% set blocks = [] %}
    {% if plain %}
        {% set sql %}
            select {{ group_columns() }}{{ measure_columns(plain) }}
            from ({{ dated(relation, time) }}) as f
            group by {{ grouping_sets([]) }}
        {% endset %}
        {% do blocks.append(sql) %}
    {% endif %}
    {% for measure in distinct %}
        {% set sql %}
            select tenant, time_grain, period_start, dimension, dimension_value{{ measure_columns([measure]) }}
            from (
                select {{ group_columns() }}, f.{{ measure.expr }} as counted
                from ({{ dated(relation, time) }}) as f
                where f.{{ measure.expr }} is not null{% if measure.filter %} and {{ measure.filter }}{% endif %}
                group by {{ grouping_sets(["f." ~ measure.expr]) }}
            ) as g
            group by tenant, time_grain, period_start, dimension, dimension_value
        {% endset %}
        {% do blocks.append(sql) %}
    {% endfor %}
    {{ return(blocks | join("\nunion all\n")) }}
{% endmacro %}

{#- The fact's rows with the three period columns that the time grains group by. -#}
{% macro dated(relation, time) %}
    {% set sql %}
        select
            t.*,
            t.{{ time }} as period_day,
            cast(date_trunc('week', t.{{ time }}) as date) as period_week,
            cast(date_trunc('month', t.{{ time }}) as date) as period_month
        from {{ relation }} as t
        where t.{{ time }} is not null
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{% macro group_columns() %}
    {% set sql %}
        f.tenant,
        case
            when grouping(f.period_day) = 0 then 'day' when grouping(f.period_week) = 0 then 'week' else 'month'
        end as time_grain,
        coalesce(f.period_day, f.period_week, f.period_month) as period_start,
        case
            {% for dimension in shared_dimensions() %}
                when grouping(f.{{ dimension }}) = 0 then '{{ dimension }}'
            {% endfor %}
            else 'all'
        end as dimension,
        coalesce({% for dimension in shared_dimensions() %}f.{{ dimension }}, {% endfor %}'all') as dimension_value
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{% macro grouping_sets(extra) %}
    {% set sets = [] %}
    {% for grain in ["period_day", "period_week", "period_month"] %}
        {% do sets.append("(" ~ (["f.tenant", "f." ~ grain] + extra) | join(", ") ~ ")") %}
        {% for dimension in shared_dimensions() %}
            {% do sets.append("(" ~ (["f.tenant", "f." ~ grain, "f." ~ dimension] + extra) | join(", ") ~ ")") %}
        {% endfor %}
    {% endfor %}
    {{ return("grouping sets (" ~ sets | join(", ") ~ ")") }}
{% endmacro %}

{#- A column for every measure of the catalogue: this block's are computed, the others are null. -#}
{% macro measure_columns(computed) %}
    {% set by_name = {} %}
    {% for measure in computed %} {% do by_name.update({measure.name: measure}) %} {% endfor %}
    {% set sql %}
        {% for name in measure_names() %}
            {% if name not in by_name %}, cast(null as decimal(28, 4)) as {{ name }}
            {% elif by_name[name].agg == "count_distinct" %}, cast(count(*) as decimal(28, 4)) as {{ name }}
            {% else %}, {{ aggregate(by_name[name]) }} as {{ name }}
            {% endif %}
        {% endfor %}
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{#- The dimensions that every fact with measures carries as a column. -#}
{% macro shared_dimensions() %} {{ return(["channel"]) }}{% endmacro %}
