{#-
    Every KPI of the catalogue as two expressions over the columns of `kpi_measures`.

    A KPI is a `ratio` or a `derived` metric that carries `config.meta.kpi`. Each side is a measure, or a derived
    metric that adds measures up; `almanac check` refuses anything else by name, so that this stays small.
-#}
{% macro kpis() %}
    {% set by_name = {} %}
    {% for metric in graph.metrics.values() %} {% do by_name.update({metric.name: metric}) %} {% endfor %}
    {% set found = [] %}
    {% for name in by_name | sort %}
        {% set metric = by_name[name] %}
        {% set settings = metric.config.meta.get("kpi") %}
        {% if settings %}
            {% set is_ratio = metric.type == "ratio" %}
            {% do found.append(
                {
                    "name": name,
                    "is_ratio": is_ratio,
                    "numerator": side(metric.type_params.numerator.name if is_ratio else name, by_name),
                    "denominator": side(metric.type_params.denominator.name, by_name) if is_ratio else "1",
                    "time_grains": settings.time_grains,
                    "dimensions": settings.dimensions,
                }
            ) %}
        {% endif %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}

{#- One side of a KPI as an expression over measure columns: a measure's own name, or a sum of them in brackets. -#}
{% macro side(name, by_name) %}
    {% set metric = by_name[name] %}
    {% if metric.type == "simple" %} {{ return(name) }}{% endif %}
    {{ return("(" ~ metric.type_params.expr ~ ")") }}
{% endmacro %}
