{#-
    Those of `kpis` that a business has rows for: of one of their facts at least. All where everything is made anew.

    A business has events for half of the facts, and the engine takes longer to plan the other half than to read this.
-#}
{% macro kpis_with_rows(kpis) %}
    {% if not is_incremental() or flags.WHICH not in ["build", "run"] %} {{ return(kpis) }}{% endif %}
    {% set periods = graph.nodes["model.almanac.kpi_periods"].relation_name %}
    {% set facts = run_query("select distinct p.fact from " ~ periods ~ " as p").columns[0].values() | list %}
    {% set names, found = [], [] %}
    {% for fact, own in measures().items() if fact in facts %}
        {% do names.extend(own | map(attribute="name")) %}
    {% endfor %}
    {% for kpi in kpis if asking([kpi]) | select("in", names) | list %} {% do found.append(kpi) %} {% endfor %}
    {{ return(found or kpis[:1]) }}
{% endmacro %}
