-- depends_on: {{ ref('fact_sessions') }}
-- depends_on: {{ ref('int_identity__changed_persons') }}
{{
    config(
        materialized="incremental",
        pre_hook="{{ begin_replace_changed() }}",
        meta={"incremental": replaced_with_sessions("viewed_at")},
    )
}}

{% set changed = "fact_listing_views__changed" if is_incremental() else none %}

with views as ({{ events_in_sessions("listing_viewed", ["listing_id"], changed) }})

select
    tenant,
    message_id as view_id,
    person_id,
    session_id,
    channel,
    event_at as viewed_at,
    event_date as view_date,
    listing_id
from views
