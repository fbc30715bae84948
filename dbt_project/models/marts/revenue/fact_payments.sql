with
    payments as (select * from {{ ref("int_events__business") }} where event = 'payment_processed'),

    rates as (select * from {{ ref("fact_fx_rates") }}),

    converted as (
        select p.*, case when p.original_amount is not null then r.fx_rate end as published_rate
        from payments as p
        left join
            rates as r
            on r.tenant = p.tenant
            and r.currency = p.currency
            and p.event_date between r.rate_date and r.last_date
    )

select
    c.tenant,
    c.message_id as payment_attempt_id,
    c.user_id,
    coalesce(c.provider, 'unknown') as provider,
    c.subject_id as payment_id,
    c.status,
    c.booking_id,
    case when c.status = 'succeeded' then c.amount else 0 end as received_amount,
    coalesce(c.fee, 0) as fee_amount,
    c.currency,
    c.original_amount,
    c.published_rate as fx_rate,
    abs(c.amount - c.original_amount * c.published_rate)
    > 0.02 * c.original_amount * c.published_rate as is_misconverted,
    c.event_at as attempted_at,
    c.event_date as payment_date
from converted as c
