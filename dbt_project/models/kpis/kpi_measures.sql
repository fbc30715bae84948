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
    {% set asked, selects = asking(kpis()), [] %}
    {% set by_day = values_of_blocks(day_blocks(asked), "d") %}
    {% set blocks = measure_blocks(asked) %}
    {% for block in blocks %}
        {#- The facts are parents of `kpi_periods`, where each is named: here they would all be named once more. #}
        {% set relation = graph.nodes["model.almanac." ~ block.fact].relation_name %}
        {% set own, shape = block.measures, shape_of(block.measures, asked) %}
        {% if block.of == "days" %} {% do selects.append(of_days(own, by_day)) %}
        {% elif block.of == "count_distinct" %} {% do selects.append(distinct(relation, own[0], shape)) %}
        {% else %} {% do selects.append(grouped(relation, own, shape)) %}
        {% endif %}
        {% do selects[-1].update(
            {"fact": block.fact, "common": "'" ~ block.fact ~ "' as fact, " ~ selects[-1].common}
        ) %}
    {% endfor %}
    with
        -- The days of every period that is made: all of them, or those of the periods in which a fact has changed.
        wanted as materialized(
            select
                p.tenant,
                p.fact,
                p.time_grain,
                p.period_start,
                dates.date_day as local_date,
                dates.date_day = p.last_date as is_last,
                case p.time_grain when 'day' then 1 when 'week' then 2 when 'month' then 3 else 4 end as grain_number
            from {{ ref("kpi_periods") }} as p
            {% if is_incremental() %}
                inner join kpi_measures__changed as c on c.tenant = p.tenant and c.period = p.period
                {% endif %} {{ lateral_dates("p.period_start", "p.last_date") }}
        ),

        united as ({{ united_blocks(selects, "decimal(28, 4)", facts_that_changed()) }})

    select cast({{ period_key("u") }} as varchar) as period, u.*
    from united as u
{% else %} select 1 as parsing from {{ ref("kpi_periods") }} cross join {{ ref("kpi_daily_measures") }}
{% endif %}
