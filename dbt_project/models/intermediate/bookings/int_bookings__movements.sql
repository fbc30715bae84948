{{
    config(
        materialized="incremental",
        contract={"enforced": true},
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "booking_id",
                "key_type": "varchar",
                "changed": [{"producer": "fact_events", "kind": "booking"}],
                "propagates": [{"kind": "booking", "entity": "booking_id"}],
            }
        },
    )
}}

{#- A booking has one of each: a cancellation seldom says with whom it was booked. -#}
{% set of_booking = ["supplier_id", "inquiry_id", "provider"] %}

{% set moved = "e.event in ('booking_confirmed', 'booking_cancelled')" %}

with
    lines as (
        select
            e.tenant,
            e.booking_id,
            cast(case when e.event = 'booking_confirmed' then 'booked' else 'cancelled' end as varchar) as movement,
            e.event_date as movement_date,
            e.event_at,
            e.message_id,
            e.user_id,
            e.anonymous_id,
            e.listing_id,
            e.currency,
            {% for told in of_booking %} e.{{ told }}, {% endfor %}
            e.amount,
            e.commission
        from {{ ref("fact_events") }} as e
        {% if is_incremental() %}
            inner join int_bookings__movements__changed as c on c.tenant = e.tenant and c.booking_id = e.booking_id
        {% endif %}
        where
            e.booking_id is not null
            {% if is_incremental() %} {{ among_few("e.booking_id") }} and {{ of_few(moved, "c") }}
            {% else %} and {{ moved }}
            {% endif %}
    ),

    added_up as (
        select
            tenant,
            booking_id,
            movement,
            movement_date,
            min(event_at) as moved_at,
            {{ first_by("user_id", ["event_at", "message_id"]) }} as user_id,
            {{ first_by("anonymous_id", ["event_at", "message_id"]) }} as anonymous_id,
            {{ first_by("listing_id", ["event_at", "message_id"]) }} as listing_id,
            {{ first_by("currency", ["event_at", "message_id"]) }} as currency,
            {% for told in of_booking %}
                {{ first_by(told, ["event_at", "message_id"], told ~ " is not null") }} as {{ told }},
            {% endfor %}
            cast(count(*) as bigint) as line_count,
            cast(sum(amount) as decimal(18, 4)) as amount,
            cast(coalesce(sum(commission), 0) as decimal(18, 4)) as commission
        from lines
        group by tenant, booking_id, movement, movement_date
    )

select
    tenant,
    booking_id,
    movement,
    movement_date,
    moved_at = min(moved_at) over (partition by tenant, booking_id, movement) as is_first,
    moved_at,
    user_id,
    anonymous_id,
    listing_id,
    currency,
    {% for told in of_booking %}
        first_value({{ told }}) over (
            partition by tenant, booking_id
            order by case when {{ told }} is null then 1 else 0 end, movement, movement_date
        ) as {{ told }},
    {% endfor %}
    line_count,
    amount,
    commission
from added_up
