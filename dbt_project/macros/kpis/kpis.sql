{#- Every KPI of the catalogue as two expressions over measures: a `ratio` or a `derived` metric that carries
    `config.meta.kpi`. `almanac check` refuses a side that does not add up measures. -#}
{% macro kpis() %}
    {% set by_name, found = {}, [] %}
    {% for metric in graph.metrics.values() %} {% do by_name.update({metric.name: metric}) %} {% endfor %}
    {% for name in by_name | sort if by_name[name].config.meta.get("kpi") %}
        {% set params, settings = by_name[name].type_params, by_name[name].config.meta.kpi %}
        {% set kpi = {"name": name, "time_grains": settings.time_grains, "dimensions": settings.dimensions or []} %}
        {% set is_ratio = by_name[name].type == "ratio" %}
        {% do kpi.update({"numerator": side(params.numerator.name if is_ratio else name, by_name)}) %}
        {% do kpi.update({"denominator": side(params.denominator.name, by_name) if is_ratio else "1"}) %}
        {% do found.append(kpi) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}

{#- One side of a KPI as an expression over measure columns: a measure's own name, or a sum of them in brackets. -#}
{% macro side(name, by_name) %}
    {{ return(name if by_name[name].type == "simple" else "(" ~ by_name[name].type_params.expr ~ ")") }}
{% endmacro %}

{#- The parts of a KPI as an entry of `unpivoted`: of the `wanted` rows of measures those in which it has one. -#}
{% macro parts_of(kpi, wanted) %}
    {% set sides = [kpi.numerator, kpi.denominator] | reject("equalto", "1") | join(" is not null or ") %}
    {% set values = {"kpi": "'" ~ kpi.name ~ "'", "numerator": kpi.numerator, "denominator": kpi.denominator} %}
    {{ return({"wanted": "(" ~ sides ~ " is not null) and " ~ wanted, "values": values}) }}
{% endmacro %}

{#- The KPIs of `kpis` by the measures that they ask for. -#}
{% macro asking(kpis) %}
    {% set asked = {} %}
    {% for kpi in kpis %}
        {% for name in modules.re.findall("[a-z]\\w*", kpi.numerator ~ " " ~ kpi.denominator) | unique %}
            {% do asked.setdefault(name, []).append(kpi) %}
        {% endfor %}
    {% endfor %}
    {{ return(asked) }}
{% endmacro %}

{#- The time grains and dimensions by which KPIs ask for one of `measures`: what a fact's rows are grouped by. -#}
{% macro shape_of(measures, asked) %}
    {% set grains, dimensions = [], [] %}
    {% for measure in measures %}
        {% for kpi in asked.get(measure.name, []) %}
            {% do grains.extend(kpi.time_grains) %}
            {% do dimensions.extend(kpi.dimensions + ["hour_of_day"] * ("hour" in kpi.time_grains)) %}
        {% endfor %}
    {% endfor %}
    {% set grains = ["day", "week", "month", "quarter"] | select("in", grains or ["day"]) | list %}
    {{ return({"grains": grains, "dimensions": dimensions | unique | sort}) }}
{% endmacro %}
