{#- The measures (simple metrics) of one fact: a list of {name, agg, expr, filter}, from the definitions. -#}
{% macro measures_of(fact) %}
    {% set found = [] %}
    {% for metric in graph.metrics.values() | sort(attribute="name") %}
        {% if metric.type == "simple" %}
            {% set params = metric.type_params.metric_aggregation_params %}
            {% if params.semantic_model == fact %}
                {% do found.append(
                    {
                        "name": metric.name,
                        "agg": params.agg,
                        "expr": params.expr or metric.type_params.expr or metric.name,
                        "filter": measure_filter(metric),
                        "time": params.agg_time_dimension,
                    }
                ) %}
            {% endif %}
        {% endif %}
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
    {% set names = [] %}
    {% for metric in graph.metrics.values() | sort(attribute="name") %}
        {% if metric.type == "simple" %} {% do names.append(metric.name) %} {% endif %}
    {% endfor %}
    {{ return(names) }}
{% endmacro %}

{#- One measure's aggregate; a measure with a filter is null where no row passes, counts too (as MetricFlow). -#}
{% macro aggregate(measure) %}
    {% set value = measure.expr %}
    {% if measure.agg == "count" %}
        {% set value = "case when " ~ measure.expr ~ " is not null then 1 else 0 end" %}
    {% endif %}
    {% if measure.filter %} {% set value = "case when " ~ measure.filter ~ " then " ~ value ~ " end" %} {% endif %}
    {{ return("cast(sum(" ~ value ~ ") as decimal(28, 4))") }}
{% endmacro %}
