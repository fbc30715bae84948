{#-
    CTEs after `revenue` and `days` (`mv_daily_booked`): how what was booked in the 28 days up to a date is spread over
    suppliers, for each tenant or `within` further columns of it, and only on the dates that `changed` names, if it is given:
    the last one, `added_up`, has a row per date.
-#}
{% macro spread_over_suppliers(changed, within=[]) %}
    {% set cell = ["tenant"] + within %}
    {% set listed = cell | join(", ") %}
    {% if changed %}
        wanted as (
            select distinct c.tenant, dates.date_day
            from
                {{ changed }} as c
                {{ lateral_dates("c.concentration_date - interval '27 days'", "c.concentration_date") }}
        ),
    {% endif %}

    moved as (
        select {{ listed }}, supplier, revenue_date, cast(sum(booked_amount) as decimal(18, 4)) as booked_amount
        from revenue
        where
            supplier is not null and booked_amount <> 0
            {% if changed %} and (tenant, revenue_date) in (select w.tenant, w.date_day from wanted as w) {% endif %}
        group by {{ listed }}, supplier, revenue_date
    ),

    spans as (select tenant, max(local_date) as last_date from days group by tenant),

    -- What was booked on a day counts on it and on the 27 days after it.
    counted as (
        select
            m.*,
            m.revenue_date as first_date,
            least(cast(m.revenue_date + interval '27 days' as date), s.last_date) as last_date
        from moved as m
        inner join spans as s on s.tenant = m.tenant
    ),

    in_window as (
        select
            c.{{ cell | join(", c.") }},
            dates.date_day,
            c.supplier,
            cast(sum(c.booked_amount) as decimal(18, 4)) as booked_amount
        from counted as c {{ lateral_dates("c.first_date", "c.last_date") }}
        {% if changed %}
            where (c.tenant, dates.date_day) in (select g.tenant, g.concentration_date from {{ changed }} as g)
        {% endif %}
        group by c.{{ cell | join(", c.") }}, dates.date_day, c.supplier
        having sum(c.booked_amount) > 0
    ),

    ranked as (
        select
            t.*,
            row_number() over (partition by {{ listed }}, date_day order by booked_amount desc, supplier) as place,
            count(*) over (partition by {{ listed }}, date_day) as supplier_count
        from in_window as t
    ),

    -- Squares of amounts need more digits than amounts have.
    added_up as (
        select
            {{ listed }},
            date_day,
            count(*) as supplier_count,
            cast(sum(booked_amount) as decimal(28, 4)) as booked_amount,
            sum(case when 10 * (place - 1) < supplier_count then booked_amount else 0 end) as top_amount,
            sum(cast(booked_amount as decimal(28, 4)) * cast(booked_amount as decimal(28, 4))) as sum_of_squares
        from ranked
        group by {{ listed }}, date_day
    )
{% endmacro %}

{#- What `added_up` says of a date, as columns of a table. -#}
{% macro spread_columns() %}
    cast(supplier_count as bigint) as supplier_count,
    cast(booked_amount as decimal(18, 4)) as booked_amount,
    cast(top_amount as decimal(18, 4)) as top_amount,
    cast(sum_of_squares as decimal(36, 4)) as sum_of_squares,
    cast(booked_amount * booked_amount as decimal(36, 4)) as square_of_sum
{% endmacro %}

{#- The dates whose 28 days hold one on which something else is booked now than at the last whole build. -#}
{% macro dates_of_spread() %}
    {% set sql %}
        select d.tenant, cast(dates.date_day as varchar) as entity
        from (
            select g.tenant, cast(g.entity as date) as local_date
            from {{ source("ctl", "changed") }} as g
            where g.producer = 'mv_daily_booked' and g.kind = 'date'
        ) as d
        {{ lateral_dates("d.local_date", "d.local_date + interval '27 days'") }}
    {% endset %}
    {{ return(sql) }}
{% endmacro %}
