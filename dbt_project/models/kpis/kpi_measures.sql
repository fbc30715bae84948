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
    {% set asked, by_fact, united = asking(kpis()), measures(), [] %}
    {% set key = ["tenant", "time_grain", "period_start", "dimension", "dimension_value"] | join(", ") %}
    {% for fact, own in by_fact.items() %}
        {#- The facts are parents of `kpi_periods`, where each is named: here they would all be named once more. #}
        {% set relation, blocks = graph.nodes["model.almanac." ~ fact].relation_name, [] %}
        {% set levels = own | selectattr("is_level") | list %}
        {% set of_days = by_days(own, asked) | map("first") | sum(start=[]) %}
        {% for measure in own if measure.name not in of_days | map(attribute="name") %}
            {% set shape = shape_of([measure], asked) %}
            {% if measure.agg == "percentile" %} {% do blocks.append(grouped(relation, [measure], shape)) %}
            {% elif measure.agg == "count_distinct" %} {% do blocks.append(distinct(relation, measure, shape)) %}
            {% endif %}
        {% endfor %}
        {% do blocks.extend([grouped(relation, levels, shape_of(levels, asked))] if levels else []) %}
        {% set sums %}
            select {{ period_columns("w") }}, d.dimension, d.dimension_value{{ measure_columns(of_days, of_days="d") }}
            from {{ ref("kpi_daily_measures") }} as d
            inner join wanted as w on w.tenant = d.tenant and w.local_date = d.local_date
            where w.fact = '{{ fact }}' and d.fact = '{{ fact }}'
            group by {{ period_columns("w") }}, d.dimension, d.dimension_value
        {% endset %}
        {% do blocks.extend([sums] if of_days else []) %}
        {% for block in blocks %}
            {% do united.append("select '" ~ fact ~ "' as fact, b.* from (" ~ block ~ ") as b") %}
        {% endfor %}
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

        united as ({{ united | join("\nunion all " ~ union_by_name() ~ "\n") }})

    select
        cast({{ period_key("u") }} as varchar) as period,
        {{ key }}
        {% for name in measure_names() %}, cast({{ name }} as decimal(28, 4)) as {{ name }}{% endfor %}
    from united as u
{% else %} select 1 as parsing from {{ ref("kpi_periods") }} cross join {{ ref("kpi_daily_measures") }}
{% endif %}
