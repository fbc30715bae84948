{#-
    The facts with periods that this build makes anew; none if it makes all of them.

    For `kpi_measures` and what it reads: the engine takes longer to plan what is asked of a fact than to find out that
    nothing of it has changed, and a business has events for half of the facts.
-#}
{% macro facts_that_changed() %}
    {% if not is_incremental() or flags.WHICH not in ["build", "run"] %} {{ return(none) }}{% endif %}
    {% set sql %}
        select distinct split_part(g.entity, ' ', 1)
        from {{ source("ctl", "changed") }} as g
        where g.producer = 'kpi_periods' and g.kind = 'period'
    {% endset %}
    {{ return(run_query(sql).columns[0].values() | list) }}
{% endmacro %}
