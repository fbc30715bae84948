{% if execute and graph.metrics %}
    {% set columns, by_dimension = ["tenant", "time_grain", "period_start", "dimension", "dimension_value"], {} %}
    {% set all_kpis, asked = kpis(), {} %}
    {% for name, asking_kpis in asking(all_kpis).items() %}
        {% for dimension in ["all"] + asking_kpis | sum(attribute="dimensions", start=[]) %}
            {% do asked.setdefault(dimension, []).append(name) %}
        {% endfor %}
    {% endfor %}
    {% for kpi in all_kpis %}
        {% set parts = parts_of(kpi, "time_grain in ('" ~ kpi.time_grains | join("', '") ~ "')") %}
        {% for dimension in ["all"] + kpi.dimensions %}
            {% do by_dimension.setdefault(dimension, []).append(parts) %}
        {% endfor %}
    {% endfor %}
    with
        as_of as (select tenant, local_date from {{ ref("int_events__as_of") }}),

        -- Few KPIs ask for most of the dimensions: of each only the measures that they need.
        {% for dimension in by_dimension %}
            by_{{ dimension }} as (
                select
                    {{ columns | join(", ") }}
                    {% for name in asked[dimension] | unique | sort %}, sum({{ name }}) as {{ name }}{% endfor %}
                from {{ ref("kpi_measures") }}
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
