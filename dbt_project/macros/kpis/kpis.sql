{#-
    Every KPI of the catalogue as two expressions over the columns of `kpi_measures`: a `ratio` or a `derived` metric
    that carries `config.meta.kpi`. `almanac check` refuses a side that does not add up measures.
-#}
{% macro kpis() %}
    {% set by_name, found = {}, [] %}
    {% for metric in graph.metrics.values() %} {% do by_name.update({metric.name: metric}) %} {% endfor %}
    {% for name in by_name | sort %}
        {% set metric = by_name[name] %}
        {% set settings = metric.config.meta.get("kpi") %}
        {% if settings %}
            {% set is_ratio = metric.type == "ratio" %}
            {% do found.append(
                {
                    "name": name,
                    "numerator": side(metric.type_params.numerator.name if is_ratio else name, by_name),
                    "denominator": side(metric.type_params.denominator.name, by_name) if is_ratio else "1",
                    "time_grains": settings.time_grains,
                    "dimensions": settings.dimensions or [],
                }
            ) %}
        {% endif %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}

{#- One side of a KPI as an expression over measure columns: a measure's own name, or a sum of them in brackets. -#}
{% macro side(name, by_name) %}
    {% set metric = by_name[name] %}
    {{ return(name if metric.type == "simple" else "(" ~ metric.type_params.expr ~ ")") }}
{% endmacro %}

{#- The parts of a KPI as an entry of `unpivoted`: of the `wanted` rows of measures those in which it has one. -#}
{% macro parts_of(kpi, wanted) %}
    {% set sides = [kpi.numerator, kpi.denominator] | reject("equalto", "1") | join(" is not null or ") %}
    {% set values = {"kpi": "'" ~ kpi.name ~ "'", "numerator": kpi.numerator, "denominator": kpi.denominator} %}
    {{ return({"wanted": "(" ~ sides ~ " is not null) and " ~ wanted, "values": values}) }}
{% endmacro %}

{#- The time grains and dimensions by which one of `kpis` asks for one of `measures`: what a fact's rows are grouped by. -#}
{% macro shape_of(measures, kpis) %}
    {% set grains, dimensions, own = [], [], measures | map(attribute="name") | list %}
    {% for kpi in kpis %}
        {% if modules.re.findall("\\w+", kpi.numerator ~ " " ~ kpi.denominator) | select("in", own) | list %}
            {% do grains.extend(kpi.time_grains) %}
            {% do dimensions.extend(kpi.dimensions + ["hour_of_day"] * ("hour" in kpi.time_grains)) %}
        {% endif %}
    {% endfor %}
    {% set grains = ["day", "week", "month", "quarter"] | select("in", grains or ["day"]) | list %}
    {{ return({"grains": grains, "dimensions": dimensions | unique | sort}) }}
{% endmacro %}
