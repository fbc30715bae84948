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
    {% set asked, by_fact, united, summed = asking(kpis()), measures(), [], {} %}
    {% for own in by_fact.values() %}
        {% for measure in by_days(own, asked) | map("first") | sum(start=[]) %}
            {% do summed.update({measure.name: measure.firsts}) %}
        {% endfor %}
    {% endfor %}
    {% for fact, own in by_fact.items() %}
        {% set day = "f." ~ own[0].time %}
        {% for measures, shape in by_days(own, asked) %}
            {#- The facts are parents of `kpi_periods`, where each is named: here they would all be named once more. #}
            {% set block %}
                select
                    '{{ fact }}' as fact,
                    f.tenant,
                    {{ day }} as local_date,
                    {{ dimension_columns(shape) }}{{ measure_columns(measures, names=summed) }}
                from {{ graph.nodes["model.almanac." ~ fact].relation_name }} as f
                where {{ day }} is not null
                {% if is_incremental() %}
                    and (f.tenant, {{ day }})
                    in (select w.tenant, w.period_start from wanted as w where w.fact = '{{ fact }}')
                {% endif %}
                group by {{ grouping_sets(["f.tenant", day], shape) }}
            {% endset %}
            {% do united.append(block) %}
        {% endfor %}
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

        united as ({{ united | join("\nunion all " ~ union_by_name() ~ "\n") }})

    select
        cast(u.fact || ' day ' || cast(u.local_date as varchar) as varchar) as period,
        u.tenant,
        cast(u.fact as varchar) as fact,
        u.local_date,
        cast(u.dimension as varchar) as dimension,
        cast(u.dimension_value as varchar) as dimension_value
        {% for name, firsts in summed.items() %}
            , cast(u.{{ name }} as {{ "bigint[]" if firsts else "decimal(38, 10)" }}) as {{ name }}
        {% endfor %}
    from united as u
{% else %} select 1 as parsing from {{ ref("kpi_periods") }}
{% endif %}
