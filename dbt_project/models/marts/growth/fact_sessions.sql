-- depends_on: {{ ref('fact_events') }}
-- depends_on: {{ ref('int_identity__map') }}
-- depends_on: {{ ref('int_identity__changed_persons') }}
{{
    config(
        materialized="incremental",
        incremental_strategy="replace_changed",
        on_schema_change="fail",
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "person_id",
                "key_type": "varchar",
                "changed": [{"relation": "int_identity__changed_persons"}],
                "propagates": [{"kind": "person", "entity": "person_id"}],
            }
        },
    )
}}

{% set columns = ["tenant", "message_id", "type", "event", "event_at", "event_date", "channel"] %}

with
    events as (
        select p.*
        from
            ({{ events_of_persons(columns, "fact_sessions__changed" if is_incremental() else none) }}) as p
        where p.type in ('track', 'page', 'screen')
    ),

    spaced as (
        select
            e.*,
            lag(e.event_at) over (
                partition by e.tenant, e.person_id order by e.event_at, e.message_id
            ) as previous_event_at
        from events as e
    ),

    numbered as (
        select
            s.*,
            sum(
                case
                    when s.event_at <= s.previous_event_at + interval '30 minutes' then 0 else 1
                end
            ) over (
                partition by s.tenant, s.person_id
                order by s.event_at, s.message_id
                rows between unbounded preceding and current row
            ) as session_number
        from spaced as s
    ),

    ranked as (
        select
            n.*,
            row_number() over (
                partition by n.tenant, n.person_id, n.session_number order by n.event_at, n.message_id
            ) as event_rank,
            row_number() over (
                partition by n.tenant, n.person_id, n.session_number
                order by case when n.channel is null then 1 else 0 end, n.event_at, n.message_id
            ) as channel_rank
        from numbered as n
    ),

    aggregated as (
        select
            tenant,
            person_id,
            session_number,
            max(case when event_rank = 1 then cast(message_id as varchar) end) as session_id,
            min(event_at) as started_at,
            max(event_at) as ended_at,
            min(event_date) as session_date,
            max(event_date) as ended_date,
            max(case when channel_rank = 1 then channel end) as channel,
            max(case when is_identified then 1 else 0 end) = 1 as is_identified,
            count(*) as event_count,
            sum(case when type in ('page', 'screen') then 1 else 0 end) as page_view_count,
            sum(case when event = 'listing_viewed' then 1 else 0 end) as listing_view_count,
            sum(case when event = 'search_performed' then 1 else 0 end) as search_count,
            min(case when event = 'search_performed' then event_at end) as first_search_at,
            max(case when event = 'booking_confirmed' then event_at end) as last_booking_at
        from ranked
        group by tenant, person_id, session_number
    )

select
    tenant,
    cast(session_id as uuid) as session_id,
    person_id,
    is_identified,
    started_at,
    ended_at,
    cast(floor(extract(epoch from (ended_at - started_at))) as bigint) as duration_seconds,
    session_date,
    ended_date,
    coalesce(channel, 'direct') as channel,
    cast(event_count as bigint) as event_count,
    cast(page_view_count as bigint) as page_view_count,
    cast(listing_view_count as bigint) as listing_view_count,
    cast(search_count as bigint) as search_count,
    search_count > 0 as has_search,
    last_booking_at is not null as has_booking,
    coalesce(last_booking_at >= first_search_at, false) as has_booking_after_search
from aggregated
