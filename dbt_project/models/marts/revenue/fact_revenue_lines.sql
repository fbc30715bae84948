{#- Streams in which the platform sells for others: what is gross there is not its own. -#}
{% set for_others = "('bookings', 'pledges')" %}

with
    events as (select * from {{ ref("int_events__business") }} where event = 'revenue_recorded'),

    payments as (select * from {{ ref("fact_payments") }}),

    -- A line is recorded once; what is taken back or corrected is a line of its own.
    followed as (select e.*, {{ telling("subject_id", state=none) }} as telling from events as e),

    lines as (
        select
            tenant,
            message_id,
            subject_id as line_id,
            line_type,
            telling = 1 as is_first_told,
            coalesce(revenue_stream, 'unknown') as revenue_stream,
            booking_id,
            supplier_id,
            category,
            case when telling = 1 then amount else 0 end as amount,
            event_at,
            event_date
        from followed
    ),

    -- What payment providers keep stands in no line of the ledger; it is told with the payment, and there counted once.
    costs as (
        select
            tenant,
            payment_attempt_id,
            payment_id,
            'payment_fee',
            true,
            'payments',
            booking_id,
            cast(null as varchar),
            cast(null as varchar),
            - fee_amount,
            attempted_at,
            payment_date
        from payments
        where fee_amount <> 0
    ),

    united as (
        select *
        from lines
        union all
        select *
        from costs
    )

select
    u.tenant,
    u.message_id as revenue_line_id,
    u.line_id,
    u.line_type,
    u.is_first_told,
    u.revenue_stream,
    u.booking_id,
    u.supplier_id,
    u.category,
    cast(u.amount as decimal(18, 4)) as amount,
    u.line_type = 'gross' and u.revenue_stream in {{ for_others }} as is_for_others,
    u.line_type in ('commission', 'fee', 'incentive') and u.revenue_stream in {{ for_others }} as is_kept,
    u.line_type in ('commission', 'fee')
    or (u.line_type = 'gross' and u.revenue_stream not in {{ for_others }}) as is_earned,
    u.event_at as recorded_at,
    u.event_date as line_date
from united as u
