{#- The measures (simple metrics) by the fact they are of: lists of {name, agg, expr, filter, ...}, from the definitions. -#}
{% macro measures() %}
    {% set by_fact = {} %}
    {% for metric in graph.metrics.values() | selectattr("type", "equalto", "simple") | sort(attribute="name") %}
        {% set params = metric.type_params.metric_aggregation_params %}
        {% set grain = graph.nodes["model.almanac." ~ params.semantic_model].columns.period_grain %}
        {% do by_fact.setdefault(params.semantic_model, []).append(
            {
                "name": metric.name,
                "fact": params.semantic_model,
                "agg": params.agg,
                "percentile": params.agg_params.percentile,
                "expr": params.expr or metric.type_params.expr or metric.name,
                "filter": measure_filter(metric),
                "previous": metric.config.meta.previous,
                "time": params.agg_time_dimension,
                "is_level": "w.time_grain = t.period_grain" if grain else "w.is_last" if params.non_additive_dimension,
            }
        ) %}
    {% endfor %}
    {{ return(by_fact) }}
{% endmacro %}

{#- A measure's filter as SQL over its fact: `{{ Dimension('session__channel') }}` names a column of the fact. -#}
{% macro measure_filter(metric) %}
    {% set dimension, parts = "\\{\\{\\s*Dimension\\(\\s*['\"](?:\\w+__)?(\\w+)['\"]\\s*\\)\\s*\\}\\}", [] %}
    {% for part in (metric.filter.where_filters if metric.filter else []) %}
        {% do parts.append(modules.re.sub(dimension, "\\1", part.where_sql_template)) %}
    {% endfor %}
    {{ return(parts | join(" and ")) }}
{% endmacro %}

{#- One measure's aggregate, null where no row passes its filter (as MetricFlow). A `count_distinct` has a row for each. -#}
{% macro aggregate(measure) %}
    {% if measure.agg == "count_distinct" %} {{ return("count(g.counted)") }}{% endif %}
    {% if measure.agg == "percentile" %}
        {% set value = "percentile_cont(" ~ measure.percentile ~ ") within group (order by " ~ measure.expr ~ ")" %}
        {{ return("cast(" ~ value ~ " as decimal(38, 10))") }}  {# engines round halves of a float differently #}
    {% endif %}
    {% set counted = "case when " ~ measure.expr ~ " is not null then 1 else 0 end" %}
    {% set value = measure.expr if measure.agg == "sum" else counted %}
    {% if measure.filter %} {% set value = "case when " ~ measure.filter ~ " then " ~ value ~ " end" %} {% endif %}
    {{ return("sum(" ~ value ~ ")") }}
{% endmacro %}

{#-
    A `count_distinct` as the rows of a day that are the first of its period, an array by time grain, where the measure's
    meta names a column for all rows and each dimension: the `previous` date of the same id in the same value. Else none.
-#}
{% macro firsts_of(measure, shape) %}
    {% set known, first = measure.previous or {}, [] %}
    {% set lacks = (["all"] + shape.dimensions) | reject("in", known) | list or shape.grains | length < 4 %}
    {% for name in ([] if measure.filter or lacks else shape.dimensions + ["all"]) %}
        {% set sums, start = [], "', f." ~ measure.time ~ ") as date)" %}
        {% for grain in shape.grains %}
            {% set is_known = "f." ~ known[name] ~ " >= cast(date_trunc('" ~ grain ~ start %}
            {% do sums.append("sum(case when " ~ is_known ~ " then 0 else 1 end)") %}
        {% endfor %}
        {% set is_own = loop.last or "grouping(f." ~ name ~ ") = 0" %}
        {% do first.append("when " ~ is_own ~ " then array[" ~ sums | join(", ") ~ "]") %}
    {% endfor %}
    {{ return("case " ~ (first | join(" ")) ~ " end" if first else none) }}
{% endmacro %}

{#- What adds up by day, in blocks of measures of a fact that are grouped in one `shape`. -#}
{% macro day_blocks(asked) %}
    {% set blocks = [] %}
    {% for fact, own in measures().items() %}
        {% set additive = own | rejectattr("is_level") | selectattr("agg", "in", ["sum", "count"]) | list %}
        {% set block = {"fact": fact, "measures": additive, "shape": shape_of(own, asked)} %}
        {% do blocks.extend([block] if additive else []) %}
        {% for measure in own | selectattr("agg", "equalto", "count_distinct") %}
            {% set shape = shape_of([measure], asked) %}
            {% set firsts = firsts_of(measure, shape) %}
            {% set counted = dict(measure, firsts=firsts, kept_in="firsts[w.grain_number]") %}
            {% set block = {"fact": fact, "measures": [counted], "shape": shape} %}
            {% do blocks.extend([block] if firsts else []) %}
        {% endfor %}
    {% endfor %}
    {{ return(blocks) }}
{% endmacro %}

{#- All measures in blocks that are made together, `of` what: a row of `kpi_measures` has those of one. -#}
{% macro measure_blocks(asked) %}
    {% set blocks, days = [], day_blocks(asked) %}
    {% for fact, own in measures().items() %}
        {% set names = days | sum(attribute="measures", start=[]) | map(attribute="name") | list %}
        {% set by_day = own | selectattr("name", "in", names) | list %}
        {% set levels = own | selectattr("is_level") | list %}
        {% do blocks.extend([{"fact": fact, "of": "days", "measures": by_day}] if by_day else []) %}
        {% do blocks.extend([{"fact": fact, "of": "level", "measures": levels}] if levels else []) %}
        {% for one in own | rejectattr("name", "in", names) %}
            {% set block = {"fact": fact, "of": one.agg, "measures": [one]} %}
            {% do blocks.extend([block] if one.agg in ("percentile", "count_distinct") else []) %}
        {% endfor %}
    {% endfor %}
    {{ return(blocks) }}
{% endmacro %}
