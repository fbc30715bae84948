{{
    config(
        materialized="incremental",
        contract={"enforced": true},
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "file_id",
                "key_type": "uuid",
                "lake": true,
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

{% set events = [
    "payment_processed",
    "refund_issued",
    "subscription_changed",
    "pledge_made",
    "invoice_updated",
    "loan_updated",
    "repayment_recorded",
    "inquiry_sent",
    "inquiry_answered",
    "recommendation_interacted",
    "lead_updated",
    "marketing_spend_recorded",
    "review_submitted",
    "survey_answered",
    "ticket_updated",
    "scan_completed",
    "scan_failed",
    "transport_leg_updated",
    "booking_status_changed",
    "availability_published",
    "notification_updated",
    "ad_viewed",
    "user_identified",
    "signup_completed",
    "referral_recorded",
    "group_joined",
    "listing_updated",
    "balance_recorded",
] %}

with
    accepted as (
        select *
        from {{ ref("fact_events") }}
        where
            event in ('{{ events | join("', '") }}')
            {% if is_incremental() %}
                and file_id in (select c.file_id from int_events__business__changed as c)
            {% endif %}
    ),

    -- The copies of the lake have every property with its declared type; the events say which copy counts.
    landed as (
        select *
        from {{ ref("stg_events") }}
        where
            event in ('{{ events | join("', '") }}')
            {% if is_incremental() %}
                and file_id in (select c.file_id from int_events__business__changed as c)
            {% endif %}
    )

select
    a.tenant,
    a.file_id,
    a.message_id,
    a.event,
    a.user_id,
    a.event_at,
    a.event_date,
    a.listing_id,
    a.category,
    a.booking_id,
    a.amount,
    coalesce(
        l.payment_id,
        l.refund_id,
        l.subscription_id,
        l.pledge_id,
        l.invoice_id,
        l.loan_id,
        l.inquiry_id,
        l.recommendation_id,
        l.lead_id,
        l.review_id,
        l.survey_id,
        l.ticket_id,
        l.scan_id,
        l.leg_id,
        l.notification_id,
        l.ad_id,
        l.referral_id
    ) as subject_id,
    l.status,
    l.provider,
    l.fee,
    l.movement,
    l.mrr,
    l.previous_mrr,
    l.plan,
    l.principal_amount,
    l.interest_amount,
    l.action,
    l.channel as own_channel,
    l.clicks,
    l.supplier_id,
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
    l.template,
    l.is_completed,
    l.country,
    l.city,
    l.role,
    l.listing_type,
    l.target_amount,
    l.balance_account,
    l.balance
from accepted as a
inner join landed as l on l.file_id = a.file_id and l.ingest_row = a.ingest_row
