with
    payments as (select * from {{ ref("int_events__business") }} where event = 'payment_processed'),

    rates as (select * from {{ ref("fact_fx_rates") }}),

    -- A payment succeeds once and is disputed once. It may fail or be pending with each attempt, of which only the
    -- number says what is told again; one without a number is an attempt of its own.
    attempts as (
        select
            p.*,
            case
                when status in ('failed', 'pending')
                then coalesce(cast(attempt as varchar), cast(message_id as varchar))
            end as own_attempt
        from payments as p
    ),

    -- What the provider keeps may become known later than that it was paid.
    followed as (
        select
            a.*,
            {{ telling("subject_id", state=["status", "own_attempt"]) }} as telling,
            {{ telling("subject_id", "fee", state=["status", "own_attempt"]) }} as telling_of_fee
        from attempts as a
    ),

    converted as (
        select f.*, case when f.original_amount is not null then r.fx_rate end as published_rate
        from followed as f
        left join
            rates as r
            on r.tenant = f.tenant
            and r.currency = f.currency
            and f.event_date between r.rate_date and r.last_date
    )

select
    c.tenant,
    c.message_id as payment_attempt_id,
    c.user_id,
    coalesce(c.provider, 'unknown') as provider,
    c.subject_id as payment_id,
    c.status,
    c.telling = 1 as is_first_told,
    c.booking_id,
    case when c.status = 'succeeded' and c.telling = 1 then c.amount else 0 end as received_amount,
    case when c.telling_of_fee = 1 then coalesce(c.fee, 0) else 0 end as fee_amount,
    c.currency,
    c.original_amount,
    c.published_rate as fx_rate,
    abs(c.amount - c.original_amount * c.published_rate)
    > 0.02 * c.original_amount * c.published_rate as is_misconverted,
    c.event_at as attempted_at,
    c.event_date as payment_date
from converted as c
