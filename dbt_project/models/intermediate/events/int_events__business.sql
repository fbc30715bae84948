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
                "propagates": [
                    {
                        "kind": "profile",
                        "entity": "user_id",
                        "where": "d.event in ('user_identified', 'signup_completed')",
                    }
                ],
            }
        },
    )
}}

{#- The id of what an event is about; many name others besides: an invoice its subscription, a refund its payment. -#}
{% set subjects = {
    "payment_processed": "payment_id",
    "refund_issued": "refund_id",
    "subscription_changed": "subscription_id",
    "pledge_made": "pledge_id",
    "invoice_updated": "invoice_id",
    "loan_updated": "loan_id",
    "repayment_recorded": "loan_id",
    "inquiry_sent": "inquiry_id",
    "inquiry_answered": "inquiry_id",
    "recommendation_interacted": "recommendation_id",
    "lead_updated": "lead_id",
    "review_submitted": "review_id",
    "survey_answered": "survey_id",
    "ticket_updated": "ticket_id",
    "scan_completed": "scan_id",
    "scan_failed": "scan_id",
    "transport_leg_updated": "leg_id",
    "notification_updated": "notification_id",
    "ad_viewed": "ad_id",
    "referral_recorded": "referral_id",
    "revenue_recorded": "line_id",
} %}

{% set others = [
    "marketing_spend_recorded",
    "booking_status_changed",
    "availability_published",
    "user_identified",
    "signup_completed",
    "group_joined",
    "listing_updated",
    "supplier_updated",
    "balance_recorded",
    "fx_rate_published",
] %}

with {{ accepted_with_copies((subjects | list) + others) }}

select
    a.tenant,
    a.file_id,
    a.message_id,
    a.event,
    a.user_id,
    a.anonymous_id,
    a.event_at,
    a.event_date,
    a.listing_id,
    a.category,
    a.booking_id,
    a.amount,
    case
        a.event {% for event, id in subjects.items() %} when '{{ event }}' then l.{{ id }} {% endfor %}
    end as subject_id,
    l.status,
    l.attempt,
    l.provider,
    l.fee,
    l.movement,
    l.mrr,
    l.previous_mrr,
    l.plan,
    l.principal_amount,
    l.interest_amount,
    l.installment,
    l.action,
    l.channel as own_channel,
    l.clicks,
    l.supplier_id,
    l.supplier_user_id,
    l.title,
    l.survey,
    l.score,
    l.priority,
    l.equipment_id,
    l.site,
    l.hours,
    l.quantity,
    l.available_date,
    l.reason,
    l.group_id,
    l.planned_at,
    l.origin,
    l.destination,
    l.template,
    l.is_completed,
    l.country,
    l.city,
    l.role,
    l.listing_type,
    l.target_amount,
    l.balance_account,
    l.balance,
    l.line_type,
    l.revenue_stream,
    a.currency,
    l.original_amount,
    cast(l.rate as decimal(18, 8)) as fx_rate,
    l.rate_date
from accepted as a
inner join landed as l on l.file_id = a.file_id and l.ingest_row = a.ingest_row
