with
    events as (select * from {{ ref("int_events__business") }} where event = 'fx_rate_published'),

    ranked as (
        select
            e.*,
            row_number() over (
                partition by tenant, currency, rate_date order by event_at desc, message_id desc
            ) as published_rank
        from events as e
    )

select
    tenant,
    currency,
    rate_date,
    fx_rate,
    coalesce(provider, 'unknown') as provider,
    event_at as published_at,
    -- Weekends and holidays have the rate of the day before them; what is older than a week is no rate.
    least(
        cast(rate_date + interval '6 days' as date),
        cast(lead(rate_date) over (partition by tenant, currency order by rate_date) - interval '1 day' as date)
    ) as last_date
from ranked
where published_rank = 1
