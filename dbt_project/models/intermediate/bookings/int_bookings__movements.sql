{{
    config(
        materialized="incremental",
        incremental_strategy="replace_changed",
        on_schema_change="fail",
        contract={"enforced": true},
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "booking_id",
                "key_type": "varchar",
                "changed": [{"producer": "fact_events", "kind": "booking"}],
            }
        },
    )
}}

with
    lines as (
        select
            e.tenant,
            e.booking_id,
            case when e.event = 'booking_confirmed' then 'booked' else 'cancelled' end as movement,
            e.event_date as movement_date,
            e.event_at,
            e.message_id,
            e.user_id,
            e.anonymous_id,
            e.listing_id,
            e.currency,
            e.amount,
            e.commission
        from {{ ref("fact_events") }} as e
        {% if is_incremental() %}
            inner join
                int_bookings__movements__changed as c on c.tenant = e.tenant and c.booking_id = e.booking_id
        {% endif %}
        where e.event in ('booking_confirmed', 'booking_cancelled') and e.booking_id is not null
    ),

    ranked as (
        select
            l.*,
            row_number() over (
                partition by l.tenant, l.booking_id, l.movement, l.movement_date
                order by l.event_at, l.message_id
            ) as line_rank,
            row_number() over (
                partition by l.tenant, l.booking_id, l.movement order by l.event_at, l.message_id
            ) as movement_rank
        from lines as l
    )

select
    tenant,
    booking_id,
    movement,
    movement_date,
    min(movement_rank) = 1 as is_first,
    min(event_at) as moved_at,
    max(case when line_rank = 1 then user_id end) as user_id,
    max(case when line_rank = 1 then anonymous_id end) as anonymous_id,
    max(case when line_rank = 1 then listing_id end) as listing_id,
    max(case when line_rank = 1 then currency end) as currency,
    cast(count(*) as bigint) as line_count,
    cast(sum(amount) as decimal(18, 4)) as amount,
    cast(coalesce(sum(commission), 0) as decimal(18, 4)) as commission
from ranked
group by tenant, booking_id, movement, movement_date
