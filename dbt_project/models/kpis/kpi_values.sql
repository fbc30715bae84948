{% if execute and graph.metrics %}
    {% set columns, entries = ["tenant", "time_grain", "period_start", "dimension", "dimension_value"], [] %}
    {% for kpi in kpis() %}
        {% set wanted %}
            time_grain in ('{{ kpi.time_grains | join("', '") }}')
            and dimension in ('{{ (["all"] + kpi.dimensions) | join("', '") }}')
        {% endset %}
        {% do entries.append(parts_of(kpi, wanted)) %}
    {% endfor %}
    with
        measures as (
            select
                {{ columns | join(", ") }} {% for name in measure_names() %}, sum({{ name }}) as {{ name }}{% endfor %}
            from {{ ref("kpi_measures") }}
            group by {{ columns | join(", ") }}
        ),

        as_of as (select tenant, local_date from {{ ref("int_events__as_of") }}),

        -- In one pass over the measures: the engine takes longer to plan a branch a KPI than to run it.
        parts as ({{ unpivoted("measures", columns, entries) }})

    select
        p.tenant,
        p.kpi,
        p.time_grain,
        p.period_start,
        p.dimension,
        p.dimension_value,
        cast(p.numerator as decimal(28, 4)) as numerator,
        cast(p.denominator as decimal(28, 4)) as denominator,
        cast(p.numerator as double precision) / nullif(cast(p.denominator as double precision), 0) as value,
        -- A period is complete once the tenant's local day of the newest data lies behind it.
        case
            when p.time_grain = 'day'
            then p.period_start < a.local_date
            when p.time_grain = 'week'
            then p.period_start + interval '7 days' <= a.local_date
            when p.time_grain = 'month'
            then p.period_start + interval '1 month' <= a.local_date
            else p.period_start + interval '3 months' <= a.local_date
        end as is_complete
    from parts as p
    left join as_of as a on a.tenant = p.tenant
{% else %} select 1 as parsing from {{ ref("kpi_measures") }} cross join {{ ref("int_events__as_of") }}
{% endif %}
