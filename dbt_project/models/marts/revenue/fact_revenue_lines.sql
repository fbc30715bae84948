{#- Streams in which the platform sells for others: what is gross there is not its own. -#}
{% set for_others = "('bookings', 'pledges')" %}

with
    events as (select * from {{ ref("int_events__business") }}),

    lines as (
        select
            tenant,
            message_id,
            subject_id as line_id,
            line_type,
            coalesce(revenue_stream, 'unknown') as revenue_stream,
            booking_id,
            supplier_id,
            category,
            amount,
            event_at,
            event_date
        from events
        where event = 'revenue_recorded'
    ),

    -- What payment providers keep stands in no line of the ledger; it is told with the payment.
    costs as (
        select
            tenant,
            message_id,
            subject_id as line_id,
            'payment_fee' as line_type,
            'payments' as revenue_stream,
            booking_id,
            supplier_id,
            category,
            - fee as amount,
            event_at,
            event_date
        from events
        where event = 'payment_processed' and fee <> 0
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
