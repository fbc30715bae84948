{% if execute and graph.metrics %}
    {% set columns, hourly, entries = ["tenant", "period_start", "dimension_value"], [], [] %}
    {% for kpi in kpis() if "hour" in kpi.time_grains %}
        {% do hourly.append(kpi) %} {% do entries.append(parts_of(kpi, "true")) %}
    {% endfor %}
    {% set places = values_of_blocks(measure_blocks(asking(kpis())), "m") %}
    with
        measures as (
            select
                {{ columns | join(", ") }}
                {% for name in asking(hourly) %}, sum({{ places[name] }}) as {{ name }}{% endfor %}
            from {{ ref("kpi_measures") }} as m
            where time_grain = 'day' and dimension = 'hour_of_day'
            group by {{ columns | join(", ") }}
        ),

        as_of as (select tenant, first_date, local_at from {{ ref("int_events__as_of") }}),

        parts as ({{ unpivoted("measures", columns, entries) }}),

        hours as (
            select
                p.tenant,
                p.kpi,
                p.period_start + cast(p.dimension_value as integer) * interval '1 hour' as hour_start,
                cast(p.numerator as decimal(28, 4)) as numerator,
                cast(p.denominator as decimal(28, 4)) as denominator
            from parts as p
        )

    select
        h.tenant,
        h.kpi,
        h.hour_start,
        h.numerator,
        h.denominator,
        cast(h.numerator as double precision) / nullif(cast(h.denominator as double precision), 0) as value,
        h.hour_start >= a.first_date and h.hour_start + interval '1 hour' <= a.local_at as is_complete
    from hours as h
    left join as_of as a on a.tenant = h.tenant
{% else %} select 1 as parsing from {{ ref("kpi_measures") }} cross join {{ ref("int_events__as_of") }}
{% endif %}
