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
    "api_request",
    "error_occurred",
    "web_vital_measured",
    "system_sampled",
    "element_clicked",
    "page_left",
    "dashboard_used",
] %}

with {{ accepted_with_copies(events) }}

select
    a.tenant,
    a.file_id,
    a.message_id,
    a.event,
    coalesce(a.anonymous_id, a.user_id) as visitor_id,
    a.event_at,
    a.event_date,
    a.event_hour,
    l.route,
    l.status_code,
    l.latency_ms,
    l.service,
    l.error_type,
    l.severity,
    l.is_handled,
    l.metric,
    l.value,
    l.vital_rating,
    l.element,
    l.dwell_seconds,
    l.depth_ratio,
    l.dashboard,
    l.action
from accepted as a
inner join landed as l on l.file_id = a.file_id and l.ingest_row = a.ingest_row
