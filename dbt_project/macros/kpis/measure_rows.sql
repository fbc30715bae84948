{#-
    The measures of a fact per tenant, time grain, period, dimension and its value, a column each: a list of selects. What
    adds up is computed by day alone, not yet rounded: `kpi_measures` makes longer periods of days. `count_distinct` goes
    in two levels (distinct ids, then a count), a percentile in one. Of a level only a period's last day counts.
-#}
{% macro day_rows(relation, measures, shape) %}
    {% set by_day = {"grains": ["day"], "dimensions": shape.dimensions} %}
    {{ return(grouped(relation, measures | selectattr("is_additive") | list, by_day)) }}
{% endmacro %}

{% macro period_rows(relation, measures, asked) %}
    {% set levels, blocks = measures | selectattr("is_level") | list, [] %}
    {% do blocks.extend(grouped(relation, levels, shape_of(levels, asked))) %}
    {% for measure in measures if measure.agg in ["count_distinct", "percentile"] %}
        {% set shape = shape_of([measure], asked) %}
        {% set sql %}
            select tenant, time_grain, period_start, dimension, dimension_value{{ measure_columns([measure]) }}
            from (
                select {{ group_columns(shape) }}, f.{{ measure.expr }} as counted
                from ({{ dated(relation, measure, shape) }}) as f
                {% if measure.filter %} where {{ measure.filter }}{% endif %}
                group by {{ grouping_sets(shape, ["f." ~ measure.expr]) }}
            ) as g
            group by tenant, time_grain, period_start, dimension, dimension_value
        {% endset %}
        {% do blocks.extend([sql] if measure.agg == "count_distinct" else grouped(relation, [measure], shape)) %}
    {% endfor %}
    {{ return(blocks) }}
{% endmacro %}

{% macro grouped(relation, measures, shape) %}
    {% if not measures %} {{ return([]) }}{% endif %}
    {% set sql %}
        select {{ group_columns(shape) }}{{ measure_columns(measures) }}
        from ({{ dated(relation, measures[0], shape) }}) as f
        group by {{ grouping_sets(shape, []) }}
        {% if measures[0].is_level %} having coalesce(f.period_{{ shape.grains | join(", f.period_") }}) is not null{% endif %}
    {% endset %}
    {{ return([sql]) }}
{% endmacro %}

{#- The fact's rows with the period columns that its time grains group by; of a level only a period's last day has one. -#}
{% macro dated(relation, measure, shape) %}
    {% set columns = [] %}
    {% for grain in shape.grains %}
        {% set start = "cast(date_trunc('" ~ grain ~ "', t." ~ measure.time ~ ") as date)" %}
        {% set last = "max(t." ~ measure.time ~ ") over (partition by t.tenant, " ~ start ~ ")" %}
        {% set of_last_day = "case when t." ~ measure.time ~ " = " ~ last ~ " then " ~ start ~ " end" %}
        {% do columns.append((of_last_day if measure.is_level else start) ~ " as period_" ~ grain) %}
    {% endfor %}
    {% set filled = relation ~ " as t where t." ~ measure.time ~ " is not null" %}
    {{ return("select t.*, " ~ columns | join(", ") ~ " from " ~ filled) }}
{% endmacro %}

{#- What the groups are named by: their time grain, period, dimension and its value. -#}
{% macro group_columns(shape) %}
    {% set grain, dimension, value = [], [], [] %}
    {% for name in shape.grains %}
        {% do grain.append("when grouping(f.period_" ~ name ~ ") = 0 then '" ~ name ~ "'") %}
    {% endfor %}
    {% for name in shape.dimensions %}
        {% do dimension.append("when grouping(f." ~ name ~ ") = 0 then '" ~ name ~ "'") %}
        {% do value.append("f." ~ name ~ ", ") %}
    {% endfor %}
    {% set sql %}
        f.tenant,
        case {{ grain | join(" ") }} end as time_grain,
        coalesce(f.period_{{ shape.grains | join(", f.period_") }}) as period_start,
        case {{ dimension | join(" ") or "when false then ''" }} else 'all' end as dimension,
        coalesce({{ value | join }}'all') as dimension_value
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{% macro grouping_sets(shape, extra) %}
    {% set sets = [] %}
    {% for grain in shape.grains %}
        {% for dimension in [none] + shape.dimensions %}
            {% set own = ["f." ~ dimension] if dimension else [] %}
            {% do sets.append("(" ~ (["f.tenant", "f.period_" ~ grain] + own + extra) | join(", ") ~ ")") %}
        {% endfor %}
    {% endfor %}
    {{ return("grouping sets (" ~ sets | join(", ") ~ ")") }}
{% endmacro %}

{#- A column for every measure computed here (or added `of_days`); the others are null where a union asks for them. -#}
{% macro measure_columns(computed, of_days=none) %}
    {% set own, columns = {}, [] %}
    {% for one in computed %}
        {% do own.update({one.name: "sum(" ~ of_days ~ "." ~ one.name ~ ")" if of_days else aggregate(one)}) %}
    {% endfor %}
    {% for name in (own if union_by_name() else measure_names()) %}
        {% do columns.append(", " ~ own.get(name, "cast(null as decimal(28, 4))") ~ " as " ~ name) %}
    {% endfor %}
    {{ return(columns | join) }}
{% endmacro %}
