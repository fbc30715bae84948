-- depends_on: {{ ref('fact_sessions') }}
-- depends_on: {{ ref('int_identity__changed_persons') }}
{{
    config(
        materialized="incremental",
        pre_hook="{{ begin_replace_changed() }}",
        meta={"incremental": replaced_with_sessions("searched_at")},
    )
}}

{% set changed = "fact_searches__changed" if is_incremental() else none %}

with searches as ({{ events_in_sessions("search_performed", ["category", "city", "results_count"], changed) }})

select
    tenant,
    message_id as search_id,
    person_id,
    session_id,
    channel,
    event_at as searched_at,
    event_date as search_date,
    {{ hour_of_day("event_hour") }} as hour_of_day,
    category,
    city,
    {{ market_of("city", "category") }} as market,
    results_count
from searches
