{{
    config(
        materialized="incremental",
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "period",
                "key_type": "varchar",
                "changed": [{"producer": "kpi_periods", "kind": "period"}],
            }
        },
    )
}}
{% if execute and graph.metrics %}
    {% set selects = [] %}
    {% for block in day_blocks(asking(kpis())) %}
        {#- The facts are parents of `kpi_periods`, where each is named: here they would all be named once more. #}
        {% set relation = graph.nodes["model.almanac." ~ block.fact].relation_name %}
        {% set day, firsts, own = "f." ~ block.measures[0].time, block.measures[0].firsts, [] %}
        {% for one in block.measures if not firsts %} {% do own.append(aggregate(one)) %} {% endfor %}
        {% set common %}
            f.tenant,
            '{{ block.fact }}' as fact,
            {{ day }} as local_date,
            {{ dimension_columns(block.shape) }},
            cast({{ firsts or "null" }} as bigint[]) as firsts
        {% endset %}
        {% set rest %}
            from {{ relation }} as f
            where {{ day }} is not null
            {% if is_incremental() %}
                and (f.tenant, {{ day }})
                in (select w.tenant, w.period_start from wanted as w where w.fact = '{{ block.fact }}')
            {% endif %}
            group by {{ grouping_sets(["f.tenant", day], block.shape) }}
        {% endset %}
        {% do selects.append({"fact": block.fact, "common": common, "own": own, "rest": rest}) %}
    {% endfor %}
    with
        wanted as (
            select p.tenant, p.fact, p.period_start
            from {{ ref("kpi_periods") }} as p
            {% if is_incremental() %}
                inner join kpi_daily_measures__changed as c on c.tenant = p.tenant and c.period = p.period
            {% endif %}
            where p.time_grain = 'day'
        ),

        united as ({{ united_blocks(selects, "decimal(38, 10)", facts_that_changed()) }})

    select cast(u.fact || ' day ' || cast(u.local_date as varchar) as varchar) as period, u.*
    from united as u
{% else %} select 1 as parsing from {{ ref("kpi_periods") }}
{% endif %}
