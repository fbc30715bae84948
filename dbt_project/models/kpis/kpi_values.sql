{{
    config(
        materialized="incremental",
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "period_start",
                "key_type": "date",
                "changed": [{"producer": "kpi_periods", "kind": "start"}, {"query": "periods_that_completed"}],
            }
        },
    )
}}
{% if execute and graph.metrics %}
    {% set columns, by_dimension = ["tenant", "time_grain", "period_start", "dimension", "dimension_value"], {} %}
    {% set all_kpis, asked = kpis(), {} %}
    {% set places = values_of_blocks(measure_blocks(asking(all_kpis)), "m") %}
    {% set own_kpis = kpis_with_rows(all_kpis) %}
    {% for name, asking_kpis in asking(own_kpis).items() %}
        {% for dimension in ["all"] + asking_kpis | sum(attribute="dimensions", start=[]) %}
            {% do asked.setdefault(dimension, []).append(name) %}
        {% endfor %}
    {% endfor %}
    {% for kpi in own_kpis %}
        {% set parts = parts_of(kpi, "time_grain in ('" ~ kpi.time_grains | join("', '") ~ "')") %}
        {% for dimension in ["all"] + kpi.dimensions %}
            {% do by_dimension.setdefault(dimension, []).append(parts) %}
        {% endfor %}
    {% endfor %}
    with
        as_of as (select tenant, local_date, first_date from {{ ref("int_events__as_of") }}),

        {% if is_incremental() %}
            -- Once: each dimension would search all of history for the few periods.
            measures as materialized(
                select m.*
                from {{ ref("kpi_measures") }} as m
                where
                    (m.tenant, m.period_start) in (select c.tenant, c.period_start from kpi_values__changed as c)
                    {{ among_few("m.period_start") }}
            ),
        {% endif %}

        -- Few KPIs ask for most of the dimensions: of each only the measures that they need.
        {% for dimension in by_dimension %}
            by_{{ dimension }} as (
                select
                    {{ columns | join(", ") }}
                    {% for name in asked[dimension] | unique | sort %}
                        , sum({{ places[name] }}) as {{ name }}
                    {% endfor %}
                from {{ "measures" if is_incremental() else ref("kpi_measures") }} as m
                where dimension = '{{ dimension }}'
                group by {{ columns | join(", ") }}
            ),
        {% endfor %}

        -- In one pass for each dimension: the engine takes longer to plan a branch a KPI than to run it.
        parts as (
            {% for dimension, entries in by_dimension.items() %}
                {% if not loop.first %}
                    union all
                {% endif %}
                {{ unpivoted("by_" ~ dimension, columns, entries) }}
            {% endfor %}
        )

    select
        p.tenant,
        cast(p.kpi as varchar) as kpi,
        cast(p.time_grain as varchar) as time_grain,
        p.period_start,
        cast(p.dimension as varchar) as dimension,
        cast(p.dimension_value as varchar) as dimension_value,
        cast(p.numerator as decimal(28, 4)) as numerator,
        cast(p.denominator as decimal(28, 4)) as denominator,
        cast(p.numerator as double precision) / nullif(cast(p.denominator as double precision), 0) as value,
        {{ is_complete_period("p", "a") }} as is_complete
    from parts as p
    left join as_of as a on a.tenant = p.tenant
{% else %} select 1 as parsing from {{ ref("kpi_measures") }} cross join {{ ref("int_events__as_of") }}
{% endif %}
