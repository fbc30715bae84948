with
    clicks as (select * from {{ ref("int_events__telemetry") }} where event = 'element_clicked'),

    -- A burst begins with a click that none of the second before it, and two more follow, each within a second.
    followed as (
        select
            c.*,
            lag(event_at) over clicks_of_element as before_at,
            lead(event_at) over clicks_of_element as next_at,
            lead(event_at, 2) over clicks_of_element as second_next_at
        from clicks as c
        window clicks_of_element as (partition by tenant, visitor_id, element order by event_at, message_id)
    )

select
    tenant,
    message_id as click_id,
    visitor_id,
    coalesce(element, 'unknown') as element,
    coalesce(route, 'unknown') as route,
    -- What no visitor is known of cannot be one person's.
    coalesce(
        visitor_id is not null
        and (before_at is null or event_at - before_at > interval '1 second')
        and next_at - event_at <= interval '1 second'
        and second_next_at - next_at <= interval '1 second',
        false
    ) as is_rage_start,
    event_at as clicked_at,
    event_date as click_date
from followed
