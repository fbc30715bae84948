"""The ids that facts show, compared with what the events themselves tell."""

import duckdb

from almanac.settings import Settings

# By fact: the column with its event's id, that with the id of what it is about, and which property that is, by event.
ABOUT = {
    "fact_ad_views": ("ad_view_id", "ad_id", {"ad_viewed": "ad_id"}),
    "fact_equipment_scans": ("scan_event_id", "scan_id", {"scan_completed": "scan_id", "scan_failed": "scan_id"}),
    "fact_inquiries": (
        "inquiry_event_id",
        "inquiry_id",
        {"inquiry_sent": "inquiry_id", "inquiry_answered": "inquiry_id"},
    ),
    "fact_invoice_updates": ("invoice_update_id", "invoice_id", {"invoice_updated": "invoice_id"}),
    "fact_leads": ("lead_update_id", "lead_id", {"lead_updated": "lead_id"}),
    "fact_loan_movements": (
        "loan_movement_id",
        "loan_id",
        {"loan_updated": "loan_id", "repayment_recorded": "loan_id"},
    ),
    "fact_notifications": ("notification_update_id", "notification_id", {"notification_updated": "notification_id"}),
    "fact_payments": ("payment_attempt_id", "payment_id", {"payment_processed": "payment_id"}),
    "fact_pledges": ("pledge_event_id", "pledge_id", {"pledge_made": "pledge_id"}),
    "fact_recommendations": (
        "recommendation_event_id",
        "recommendation_id",
        {"recommendation_interacted": "recommendation_id"},
    ),
    "fact_referrals": ("referral_event_id", "referral_id", {"referral_recorded": "referral_id"}),
    "fact_refunds": ("refund_event_id", "refund_id", {"refund_issued": "refund_id"}),
    "fact_revenue_lines": (
        "revenue_line_id",
        "line_id",
        {"revenue_recorded": "line_id", "payment_processed": "payment_id"},
    ),
    "fact_reviews": ("review_event_id", "review_id", {"review_submitted": "review_id"}),
    "fact_subscription_movements": (
        "subscription_movement_id",
        "subscription_id",
        {"subscription_changed": "subscription_id"},
    ),
    "fact_ticket_updates": ("ticket_update_id", "ticket_id", {"ticket_updated": "ticket_id"}),
    "fact_transport_legs": ("leg_update_id", "leg_id", {"transport_leg_updated": "leg_id"}),
}


def wrong_ids(settings: Settings) -> dict[str, int]:
    """Per fact how many of its rows have an id that their event does not tell; a fact without any row is in it, too."""
    found = {}
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        for fact, (event_id, column, told) in ABOUT.items():
            properties = " ".join(f"when '{event}' then properties->>'{name}'" for event, name in told.items())
            rows, wrong = con.execute(
                f"""
                with told as (select tenant, message_id, case event {properties} end as id from marts.fact_events)
                select count(*), count(*) filter (where t.id is distinct from f.{column})
                from marts.{fact} as f left join told as t on t.tenant = f.tenant and t.message_id = f.{event_id}
                """
            ).fetchone() or (0, 0)
            if wrong or not rows:
                found[fact] = wrong
    return found
