"""How each KPI of payments, subscriptions, leads, tickets and the like follows from quantities of the truth."""

from collections.abc import Callable
from dataclasses import dataclass

from almanac.settings import Settings
from tests.recounted_joins import Sides, leaked, misconverted, pledged_after_signup, pledged_while_running, requested


@dataclass(frozen=True)
class Part:
    """A quantity of the truth as a summand: all of it, or what has one value of one of its dimensions.

    With `met` it is how many values of that dimension had some of it in the period, with `first` how many had it for
    the first time; of a level, the period's last day counts. With `beside` it is only that of days of a supplier which
    have some of that quantity, too.
    """

    quantity: str
    factor: int = 1
    where: tuple[str, str] = ("all", "all")
    met: str = ""
    is_level: bool = False
    first: str = ""
    beside: str = ""


@dataclass(frozen=True)
class Truth:
    """How a KPI is computed from the truth. `by` are its dimensions that the truth has too.

    `per` is a KPI of the visits, whose truth has every period: what is divided by. `so_far` are two such KPIs, one over
    the other, of all days up to the end of the period; with `is_so_far` both sides are. `spread` says what of the 28
    days up to it is compared: `squares` of suppliers' amounts, or the amounts of the `top` tenth of them, `within` each
    value of a dimension if one is named. `percent` is a percentile of the times of requests, or of measurements of a
    web `vital`; their number and sum are compared by themselves. `recount` counts it from accepted events, because it
    is over several kinds of them. `cohort` follows each subscription that is there when a period begins: is it `gone`
    at its end, or what is `lost`, `retained` or `kept` of its MRR. `stayed_away` follows users likewise, from their
    sessions.
    """

    above: tuple[Part, ...] = ()
    below: tuple[Part, ...] = ()
    by: tuple[str, ...] = ()
    per: str = ""
    so_far: tuple[str, ...] = ()
    is_so_far: bool = False
    spread: str = ""
    within: str = ""
    percent: int = 0
    vital: str = ""
    recount: Callable[[Settings], Sides] | None = None
    cohort: str = ""
    stayed_away: bool = False


def of(quantity: str, below: str = "", *, by: str = "", is_level: bool = False, factor: int = 1) -> Truth:
    return Truth((Part(quantity, factor, is_level=is_level),), (Part(below),) if below else (), tuple(by.split()))


TRUTHS = {
    "payments_received": of("payments_received_amount", by="provider"),
    "payments": Truth((Part("payments_attempted"), Part("payments_failed", -1)), by=("provider",)),
    "average_payment": Truth(
        (Part("payments_received_amount"),),
        (Part("payments_attempted"), Part("payments_failed", -1)),
        ("provider",),
    ),
    "earned_revenue_per_active_user": Truth((Part("earned_amount"),), per="active_users"),
    "backer_conversion_rate": Truth((Part("pledges", met="backer"),), per="active_users"),
    "payment_failure_rate": of("payments_failed", "payments_attempted", by="provider"),
    "payment_fees": of("payment_fees_amount", by="provider"),
    "refunds": of("refunds"),
    "refunded_amount": of("refunds_amount"),
    "refund_rate": of("refunds_amount", "payments_received_amount"),
    "net_new_mrr": of("mrr_movement_amount", by="movement"),
    "lost_mrr": Truth(tuple(Part("mrr_movement_amount", -1, ("movement", kind)) for kind in ("churn", "contraction"))),
    "mrr": of("mrr_amount", is_level=True),
    "arr": of("mrr_amount", is_level=True, factor=12),
    "pledges": of("pledges", by="category community"),
    "pledged_amount": of("pledges_amount", by="category community"),
    "average_pledge": of("pledges_amount", "pledges", by="category community"),
    "backer_lifetime_value": Truth((Part("pledges_amount"),), (Part("pledges", first="backer"),), is_so_far=True),
    "active_subscriptions": of("subscriptions_active", is_level=True),
    "user_churn_rate": Truth(stayed_away=True),
    "subscription_churn_rate": Truth(cohort="gone"),
    "mrr_churn_rate": Truth(cohort="lost"),
    "net_revenue_retention": Truth(cohort="retained"),
    "gross_revenue_retention": Truth(cohort="kept"),
    "api_requests": of("api_requests", by="route"),
    "api_request_rate": Truth(recount=requested),
    "api_error_rate": Truth((Part("api_requests", 1, ("status", "500")),), (Part("api_requests"),)),
    "api_latency_ms": of("api_latency_ms", "api_requests", by="route"),
    **{f"api_latency_p{percent}_ms": Truth(percent=percent) for percent in (50, 95, 99)},
    "lcp_p75_ms": Truth(percent=75, vital="LCP"),
    "inp_p75_ms": Truth(percent=75, vital="INP"),
    "cls_p75": Truth(percent=75, vital="CLS"),
    "slow_request_rate": Truth(
        tuple(Part("api_requests", 1, ("latency_ms", bound)) for bound in ("<= 1000", "<= 2000", "<= 5000", "> 5000")),
        (Part("api_requests"),),
    ),
    "errors": of("errors", by="route"),
    "good_web_vitals_rate": of("web_vitals_good", "web_vitals", by="metric"),
    **{
        kpi: Truth(
            (Part("system_sample_sum", 1, ("metric", metric)),), (Part("system_samples", 1, ("metric", metric)),)
        )
        for kpi, metric in (
            ("database_latency_ms", "database_ms"),
            ("pool_usage_rate", "pool_used_ratio"),
            ("cache_hit_rate", "cache_hit_ratio"),
            ("quota_usage_rate", "quota_used_ratio"),
            ("bundle_bytes", "bundle_bytes"),
        )
    },
    "render_ms": Truth(
        (Part("web_vital_sum", 1, ("metric", "render")),), (Part("web_vitals", 1, ("metric", "render")),)
    ),
    "clicks": of("clicks", by="element"),
    "rage_clicks": of("rage_bursts", by="element"),
    "seconds_on_page": of("dwell_seconds", "pages_left", by="route"),
    "scroll_depth": of("scroll_depth", "pages_left"),
    "dashboard_uses": of("dashboard_uses", by="dashboard"),
    "invoice_collection_rate": of("invoices_paid_amount", "invoices_issued_amount"),
    "float_balance": of("float_amount", is_level=True),
    "projects_launched": of("projects_active", by="category community"),
    "projects_funded": of("projects_funded", by="category community"),
    "project_success_rate": Truth(
        (Part("projects_funded"),), (Part("projects_funded"), Part("projects_failed")), ("category", "community")
    ),
    "funding_velocity": Truth(recount=pledged_while_running),
    "days_to_funding": of("projects_funding_days", "projects_funded"),
    "active_communities": Truth((Part("pledges", met="community"),)),
    "projects_per_community": Truth((Part("pledges", met="project"),), (Part("pledges", met="community"),)),
    "new_community_members": of("group_members_new", by="community_id"),
    "community_members": of("group_members", is_level=True),
    "referrals": Truth((Part("referrals", 1, ("status", "sent")),)),
    "referral_signup_rate": Truth(
        (Part("referrals", 1, ("status", "signed_up")),), (Part("referrals", 1, ("status", "sent")),)
    ),
    "referral_conversion_rate": Truth(
        (Part("referrals", 1, ("status", "converted")),), (Part("referrals", 1, ("status", "signed_up")),)
    ),
    "referral_rate": Truth((Part("referrals", 1, ("status", "signed_up")),), per="signups"),
    "hours_to_first_response": of("ticket_first_response_hours", "tickets_answered"),
    "hours_to_resolution": of("ticket_resolution_hours", "tickets_resolved"),
    "leakage_rate": Truth(recount=leaked),
    "pledge_activation_rate": Truth(recount=pledged_after_signup),
    "misconverted_rate": Truth(recount=misconverted),
    "earned_revenue": of("earned_amount", by="revenue_stream"),
    "taxes_recorded": Truth((Part("revenue_lines_amount", 1, ("line_type", "tax")),)),
    "incentives_given": Truth((Part("revenue_lines_amount", -1, ("line_type", "incentive")),)),
    "net_take_rate": Truth(
        tuple(Part("revenue_lines_amount", 1, ("line_type", kind)) for kind in ("commission", "incentive")),
        (Part("sold_for_others_amount"),),
    ),
    "gross_margin": Truth(
        (
            Part("earned_amount"),
            Part("revenue_lines_amount", 1, ("line_type", "incentive")),
            Part("payment_fees_amount", -1),
        ),
        (Part("earned_amount"),),
    ),
    "hours_to_fill": Truth(
        (Part("inquiry_answer_hours", 1, ("status", "accepted")),),
        (Part("inquiries_answered", 1, ("status", "accepted")),),
    ),
    "invoiced_amount": of("invoices_issued_amount"),
    "invoices_paid_amount": of("invoices_paid_amount"),
    "invoices_outstanding": of("invoices_outstanding_amount", is_level=True),
    "loans_disbursed": of("loans_disbursed_amount"),
    "loan_principal_repaid": of("repayments_principal_amount"),
    "loan_interest": of("repayments_interest_amount"),
    "loans_outstanding": of("loans_outstanding_amount", is_level=True),
    "missed_instalments": Truth((Part("repayments", 1, ("status", "missed")),)),
    "inquiries": of("inquiries_sent"),
    "inquiry_acceptance_rate": Truth(
        (Part("inquiries_answered", 1, ("status", "accepted")),), (Part("inquiries_answered"),)
    ),
    "listing_impressions": Truth((Part("listing_interactions", 1, ("action", "impression")),)),
    "listing_saves": Truth((Part("listing_interactions", 1, ("action", "saved")),)),
    "listing_save_rate": Truth(
        (Part("listing_interactions", 1, ("action", "saved")),),
        (Part("listing_interactions", 1, ("action", "impression")),),
    ),
    "funnel_steps": of("funnel_steps", by="step"),
    "checkouts": Truth((Part("funnel_steps", 1, ("step", "checkout_started")),)),
    "checkout_completion_rate": Truth(
        (Part("funnel_steps", 1, ("step", "payment_submitted")),),
        (Part("funnel_steps", 1, ("step", "checkout_started")),),
    ),
    "experiment_exposures": of("exposures"),
    "experiment_assignments": Truth((Part("exposures", first="unit"),)),
    "experiment_conversions": Truth((Part("conversions", first="unit"),)),
    "experiment_conversion_rate": Truth((Part("conversions", first="unit"),), (Part("exposures", first="unit"),)),
    "experiment_value_per_unit": Truth((Part("conversions_amount"),), (Part("exposures", first="unit"),)),
    "flag_evaluations": of("flag_evaluations"),
    "price_quotes": of("quotes", by="route"),
    "average_quoted_price": of("quoted_price_amount", "quotes", by="route"),
    "price_alerts_enabled": Truth((Part("price_alerts", 1, ("status", "enabled")),)),
    "price_alert_open_rate": Truth(
        (Part("price_alerts", 1, ("status", "opened")),), (Part("price_alerts", 1, ("status", "sent")),)
    ),
    # Nobody switches on more than one.
    "price_alert_adoption_rate": Truth((Part("price_alerts", 1, ("status", "enabled")),), per="active_users"),
    "supplier_concentration": Truth(spread="squares"),
    "top_supplier_share": Truth(spread="top"),
    "market_concentration": Truth(spread="squares", by=("market",), within="market"),
    "market_top_supplier_share": Truth(spread="top", by=("market",), within="market"),
    "offers_per_search": Truth((Part("availabilities"),), per="searches", by=("market",)),
    "customer_lifetime_value": Truth(so_far=("revenue", "new_buyers")),
    "fill_rate": Truth((Part("inquiries_answered", 1, ("status", "accepted")),), (Part("inquiries_sent"),)),
    "recommendation_click_rate": of("recommendation_clicks", "recommendation_impressions"),
    "leads": of("leads_created", by="channel"),
    "leads_won": of("leads_won", by="channel"),
    "lead_win_rate": Truth((Part("leads_won"),), (Part("leads_won"), Part("leads_lost")), ("channel",)),
    "leads_won_amount": of("leads_won_amount", by="channel"),
    "marketing_spend": of("marketing_spend_amount", by="channel"),
    "cost_per_click": of("marketing_spend_amount", "marketing_clicks", by="channel"),
    "cost_per_lead": of("marketing_spend_amount", "leads_created", by="channel"),
    "customer_acquisition_cost": of("marketing_spend_amount", "leads_won", by="channel"),
    "reviews": of("reviews"),
    "average_rating": of("review_stars", "reviews"),
    "nps": Truth(
        (Part("nps_answers", 100, ("band", "promoter")), Part("nps_answers", -100, ("band", "detractor"))),
        (Part("nps_answers"),),
    ),
    "nps_answers": of("nps_answers"),
    "tickets_opened": of("tickets_opened", by="category priority"),
    "tickets_resolved": of("tickets_resolved"),
    "ticket_reopen_rate": of("tickets_reopened", "tickets_resolved"),
    "open_tickets": of("tickets_open", is_level=True),
    "equipment_scans": of("scans", by="site"),
    "scan_exception_rate": Truth((Part("scan_exceptions"),), (Part("scans"), Part("scan_exceptions"))),
    "equipment_hours_out": of("equipment_hours_out"),
    "transport_departures": of("departures", by="origin"),
    "on_time_departure_rate": of("departures_on_time", "departures", by="origin"),
    "transport_cancellation_rate": of("transports_cancelled", "transports_scheduled"),
    "bookings_completed": of("bookings_completed", by="supplier"),
    "no_show_rate": Truth((Part("bookings_missed"),), (Part("bookings_completed"), Part("bookings_missed"))),
    "hours_delivered": of("hours_booked", by="supplier"),
    "hours_available": of("hours_available", by="supplier"),
    "utilisation_rate": Truth(
        (Part("hours_booked", beside="hours_available"),), (Part("hours_available"),), ("supplier",)
    ),
    "active_listings": Truth((Part("availabilities", met="listing"),)),
    "active_suppliers": Truth((Part("availabilities", met="supplier"),)),
    "supply_demand_ratio": Truth((Part("availabilities", met="supplier"),), per="active_users"),
    "hours_to_completion": of("booking_completion_hours", "bookings_completed"),
    "notifications_sent": Truth((Part("notifications", 1, ("status", "sent")),)),
    "notification_delivery_rate": Truth(
        (Part("notifications", 1, ("status", "delivered")),), (Part("notifications", 1, ("status", "sent")),)
    ),
    "notification_open_rate": Truth(
        (Part("notifications", 1, ("status", "opened")),), (Part("notifications", 1, ("status", "delivered")),)
    ),
    "ad_views": of("ad_views"),
    "ad_completion_rate": Truth((Part("ad_views", 1, ("is_completed", "true")),), (Part("ad_views"),)),
    "ad_revenue": of("ad_revenue_amount", by="community"),
}
