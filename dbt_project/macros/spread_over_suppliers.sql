{#-
    CTEs after `revenue` and `as_of`: how what was booked in the 28 days up to a date is spread over suppliers, for each
    tenant or `within` further columns of it: the last one, `added_up`, has a row per date.
-#}
{% macro spread_over_suppliers(within=[]) %}
    {% set cell = ["tenant"] + within %}
    {% set listed = cell | join(", ") %}
    moved as (
        select {{ listed }}, supplier, revenue_date, cast(sum(booked_amount) as decimal(18, 4)) as booked_amount
        from revenue
        where supplier is not null and booked_amount <> 0
        group by {{ listed }}, supplier, revenue_date
    ),

    spans as ({{ day_spans("revenue_date") }}),

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
