{% if execute and graph.metrics %}
    with
        measures as (
            select
                tenant,
                time_grain,
                period_start,
                dimension,
                dimension_value
                {% for name in measure_names() %}, sum({{ name }}) as {{ name }}{% endfor %}
            from {{ ref("kpi_measures") }}
            group by tenant, time_grain, period_start, dimension, dimension_value
        ),

        as_of as (select tenant, local_date from {{ ref("int_events__as_of") }}),

        parts as (
            {% for kpi in kpis() %}
                select
                    tenant,
                    '{{ kpi.name }}' as kpi,
                    time_grain,
                    period_start,
                    dimension,
                    dimension_value,
                    cast({{ kpi.numerator }} as decimal(28, 4)) as numerator,
                    cast({{ kpi.denominator }} as decimal(28, 4)) as denominator
                from measures
                where
                    (
                        {{ kpi.numerator }} is not null
                        {% if kpi.is_ratio %} or {{ kpi.denominator }} is not null{% endif %}
                    )
                    and time_grain
                    in ({% for grain in kpi.time_grains %}'{{ grain }}'{% if not loop.last %}, {% endif %} {% endfor %})
                    and dimension in ('all'{% for dimension in kpi.dimensions %}, '{{ dimension }}'{% endfor %})
                {% if not loop.last %}
                    union all
                {% endif %}
            {% endfor %}
        )

    select
        p.tenant,
        p.kpi,
        p.time_grain,
        p.period_start,
        p.dimension,
        p.dimension_value,
        p.numerator,
        p.denominator,
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
