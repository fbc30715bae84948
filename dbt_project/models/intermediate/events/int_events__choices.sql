{{
    config(
        materialized="incremental",
        contract={"enforced": true},
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "file_id",
                "key_type": "uuid",
                "lake": "events",
                "changed": [{"producer": "fact_events", "kind": "file"}],
            }
        },
    )
}}

{% set events = [
    "listing_interacted",
    "experiment_exposed",
    "experiment_converted",
    "flag_evaluated",
    "price_quoted",
    "price_alert_updated",
] %}

with {{ accepted_with_copies(events) }}

select
    a.tenant,
    a.file_id,
    a.message_id,
    a.event,
    a.user_id,
    coalesce(a.anonymous_id, a.user_id) as visitor_id,
    a.event_at,
    a.event_date,
    a.listing_id,
    a.amount,
    l.action,
    l.placement,
    l.position,
    l.experiment,
    l.variant,
    l.unit_type,
    coalesce(l.unit_id, a.user_id, a.anonymous_id) as unit_id,
    l.goal,
    l.flag,
    l.reason,
    l.price_alert_id,
    l.status,
    l.price,
    l.origin,
    l.destination,
    l.depart_date,
    l.provider
from accepted as a
inner join landed as l on l.file_id = a.file_id and l.ingest_row = a.ingest_row
