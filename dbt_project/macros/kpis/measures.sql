{#- The measures (simple metrics) of one fact: a list of {name, agg, expr, filter, ...}, from the definitions. -#}
{% macro measures_of(fact) %}
    {% set found, of_fact = [], "type_params.metric_aggregation_params.semantic_model" %}
    {% set simple = graph.metrics.values() | selectattr("type", "equalto", "simple") %}
    {% for metric in simple | selectattr(of_fact, "equalto", fact) | sort(attribute="name") %}
        {% set params = metric.type_params.metric_aggregation_params %}
        {% do found.append(
            {
                "name": metric.name,
                "agg": params.agg,
                "expr": params.expr or metric.type_params.expr or metric.name,
                "filter": measure_filter(metric),
                "time": params.agg_time_dimension,
                "is_level": params.non_additive_dimension | default({}, true) | length > 0,
            }
        ) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}

{#- A measure's filter as SQL over its fact: `{{ Dimension('session__channel') }}` names a column of the fact. -#}
{% macro measure_filter(metric) %}
    {% set parts = [] %}
    {% if metric.filter %}
        {% for part in metric.filter.where_filters %}
            {% do parts.append(
                modules.re.sub(
                    "\\{\\{\\s*Dimension\\(\\s*['\"](?:\\w+__)?(\\w+)['\"]\\s*\\)\\s*\\}\\}",
                    "\\1",
                    part.where_sql_template,
                )
            ) %}
        {% endfor %}
    {% endif %}
    {{ return(parts | join(" and ")) }}
{% endmacro %}

{#- The name of every measure, in a fixed order. -#}
{% macro measure_names() %}
    {{ return(graph.metrics.values() | selectattr("type", "equalto", "simple") | map(attribute="name") | sort) }}
{% endmacro %}

{#-
    One measure's aggregate; a measure with a filter is null where no row passes, counts too (as MetricFlow). What a
    `count_distinct` counts stands in a row each by then.
-#}
{% macro aggregate(measure) %}
    {% if measure.agg == "count_distinct" %} {{ return("cast(count(*) as decimal(28, 4))") }}{% endif %}
    {% set value = "case when " ~ measure.expr ~ " is not null then 1 else 0 end" %}
    {% if measure.agg == "sum" %} {% set value = measure.expr %} {% endif %}
    {% if measure.filter %} {% set value = "case when " ~ measure.filter ~ " then " ~ value ~ " end" %} {% endif %}
    {{ return("cast(sum(" ~ value ~ ") as decimal(28, 4))") }}
{% endmacro %}
