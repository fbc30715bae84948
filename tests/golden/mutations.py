"""Wrong formulas, at least one for every KPI: what a slip of the pen could make of it.

Each changes the parsed manifest, so that only the models of KPIs are run again; the golden rows must notice.
"""

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from almanac.dbt_parse import base_arguments, environment
from almanac.settings import Settings

KPI_MODELS = ("kpi_daily_measures", "kpi_measures", "kpi_values")

Change = Callable[[Any], None]


@dataclass(frozen=True)
class Mutation:
    """A wrong formula of one KPI, in words, and what it changes in the manifest."""

    kpi: str
    mistake: str
    change: Change


def _metric(manifest: Any, name: str) -> Any:
    return manifest.metrics[f"metric.almanac.{name}"].type_params


def _expr(kpi: str, expr: str) -> Change:
    """A derived KPI over another expression of measures."""

    def change(manifest: Any) -> None:
        _metric(manifest, kpi).expr = expr

    return change


def _ratio(kpi: str, *, numerator: str | None = None, denominator: str | None = None) -> Change:
    """A ratio KPI over another measure."""

    def change(manifest: Any) -> None:
        parts = _metric(manifest, kpi)
        parts.numerator.name = numerator or parts.numerator.name
        parts.denominator.name = denominator or parts.denominator.name

    return change


def _upside_down(kpi: str) -> Change:
    """A ratio KPI with its sides exchanged."""

    def change(manifest: Any) -> None:
        parts = _metric(manifest, kpi)
        parts.numerator.name, parts.denominator.name = parts.denominator.name, parts.numerator.name

    return change


def _measure(name: str, *, agg: str | None = None, expr: str | None = None) -> Change:
    """A measure that aggregates otherwise, or something else."""

    def change(manifest: Any) -> None:
        parts = _metric(manifest, name)
        parts.expr = expr or parts.expr
        if agg:
            how = parts.metric_aggregation_params
            how.agg = type(how.agg)(agg)

    return change


def _unfiltered(name: str) -> Change:
    """A measure that counts every row."""

    def change(manifest: Any) -> None:
        manifest.metrics[f"metric.almanac.{name}"].filter = None

    return change


MUTATIONS = (
    Mutation("sessions", "persons instead", _measure("session_count", agg="count_distinct", expr="person_id")),
    Mutation("active_users", "days of persons instead of persons", _measure("active_person_count", agg="count")),
    Mutation("searches", "sessions with a search", _measure("search_count", agg="count_distinct", expr="session_id")),
    Mutation(
        "search_to_book_conversion",
        "a booking before the search counts",
        _measure("search_booking_session_count", expr="case when has_search and has_booking then 1 else 0 end"),
    ),
    Mutation(
        "bookings",
        "every day with a line counts",
        _measure("booking_count", expr="case when movement = 'booked' then 1 else 0 end"),
    ),
    Mutation("bookings", "cancellations count", _measure("booking_count", expr="case when is_first then 1 else 0 end")),
    Mutation("gmv", "the wrong sign", _expr("gmv", "- gmv_value")),
    Mutation(
        "revenue",
        "no commission is given back",
        _measure("commission_value", expr="case when movement = 'booked' then commission_amount else 0 end"),
    ),
    Mutation("take_rate", "upside down", _ratio("take_rate", numerator="gmv_value", denominator="commission_value")),
    Mutation(
        "average_booking_value",
        "per line instead of per booking",
        _measure("booking_count", expr="case when movement = 'booked' then line_count else 0 end"),
    ),
    Mutation("buyers", "those who cancel too", _unfiltered("buying_person_count")),
    Mutation("booked_listings", "cancelled ones too", _unfiltered("booked_listing_count")),
    Mutation("selling_suppliers", "those of cancelled ones too", _unfiltered("selling_supplier_count")),
    Mutation(
        "repeat_booking_rate", "every booking", _measure("repeat_booking_count", expr="case when is_booking then 1 end")
    ),
    Mutation(
        "new_community_members",
        "communities",
        _measure("membership_count", agg="count_distinct", expr="community_id"),
    ),
    Mutation("supply_liquidity", "of all looks", _measure("viewed_listing_count", agg="count")),
    Mutation(
        "zero_result_rate",
        "unknown results are none",
        _measure("zero_result_search_count", expr="case when coalesce(results_count, 0) = 0 then 1 else 0 end"),
    ),
)


# What a slip could make of a KPI whose measures are right: another measure, the other side, the other sign.
TOGETHER = (
    Mutation("sessions", "only those with a search", _expr("sessions", "search_session_count")),
    Mutation("searches", "counted twice", _expr("searches", "search_count + search_count")),
    Mutation(
        "search_to_book_conversion",
        "of all sessions",
        _ratio("search_to_book_conversion", denominator="session_count"),
    ),
    Mutation("gmv", "before cancellations", _expr("gmv", "booked_value")),
    Mutation("revenue", "GMV instead", _expr("revenue", "gmv_value")),
    Mutation("gross_gmv", "after cancellations", _expr("gross_gmv", "gmv_value")),
    Mutation("cancelled_gmv_rate", "of what is left", _ratio("cancelled_gmv_rate", denominator="gmv_value")),
    Mutation("buyers", "their bookings", _expr("buyers", "booking_count")),
    Mutation("spend_per_buyer", "per booking", _ratio("spend_per_buyer", denominator="booking_count")),
    Mutation("repeat_booking_rate", "upside down", _upside_down("repeat_booking_rate")),
    Mutation("backer_lifetime_value", "per pledge", _ratio("backer_lifetime_value", denominator="pledge_count")),
    Mutation("customer_lifetime_value", "bookings", _ratio("customer_lifetime_value", denominator="booking_count")),
    Mutation("new_buyers", "those who came back", _expr("new_buyers", "repeat_booking_count")),
    Mutation("demand_liquidity", "bookings", _ratio("demand_liquidity", numerator="booking_count")),
    Mutation("listing_impressions", "saves", _expr("listing_impressions", "listing_save_count")),
    Mutation("listing_saves", "impressions", _expr("listing_saves", "listing_impression_count")),
    Mutation("listing_save_rate", "upside down", _upside_down("listing_save_rate")),
    Mutation("funnel_steps", "checkouts", _expr("funnel_steps", "checkout_count")),
    Mutation("checkouts", "payments", _expr("checkouts", "submitted_payment_count")),
    Mutation(
        "checkout_completion_rate", "of all steps", _ratio("checkout_completion_rate", denominator="funnel_step_count")
    ),
    Mutation("experiment_exposures", "assignments", _expr("experiment_exposures", "assigned_unit_count")),
    Mutation("experiment_assignments", "exposures", _expr("experiment_assignments", "exposure_count")),
    Mutation("experiment_conversions", "their value", _expr("experiment_conversions", "conversion_value")),
    Mutation(
        "experiment_conversion_rate", "of exposures", _ratio("experiment_conversion_rate", denominator="exposure_count")
    ),
    Mutation(
        "experiment_value_per_unit", "per exposure", _ratio("experiment_value_per_unit", denominator="exposure_count")
    ),
    Mutation("flag_evaluations", "twice", _expr("flag_evaluations", "flag_evaluation_count + flag_evaluation_count")),
    Mutation("price_quotes", "their sum", _expr("price_quotes", "quoted_price_sum")),
    Mutation("average_quoted_price", "upside down", _upside_down("average_quoted_price")),
    Mutation("price_alerts_enabled", "messages", _expr("price_alerts_enabled", "price_alert_sent_count")),
    Mutation(
        "price_alert_open_rate", "of alerts", _ratio("price_alert_open_rate", denominator="price_alert_enabled_count")
    ),
    Mutation(
        "price_alert_adoption_rate",
        "alerts",
        _ratio("price_alert_adoption_rate", numerator="price_alert_enabled_count"),
    ),
    Mutation("api_latency_p50_ms", "another percentile", _expr("api_latency_p50_ms", "api_latency_p95")),
    Mutation("api_latency_p95_ms", "the mean's sum", _expr("api_latency_p95_ms", "api_latency_ms_sum")),
    Mutation("api_latency_p99_ms", "another percentile", _expr("api_latency_p99_ms", "api_latency_p95")),
    Mutation("lcp_p75_ms", "another metric", _expr("lcp_p75_ms", "inp_measured_p75")),
    Mutation("inp_p75_ms", "another metric", _expr("inp_p75_ms", "lcp_measured_p75")),
    Mutation("cls_p75", "another metric", _expr("cls_p75", "inp_measured_p75")),
    Mutation(
        "pledge_activation_rate", "who books", _ratio("pledge_activation_rate", numerator="converted_signup_count")
    ),
    Mutation("signup_conversion_rate", "upside down", _upside_down("signup_conversion_rate")),
    Mutation("cross_side_rate", "upside down", _upside_down("cross_side_rate")),
    Mutation("selling_suppliers", "listings", _expr("selling_suppliers", "booked_listing_count")),
    Mutation("gmv_per_supplier", "per listing", _ratio("gmv_per_supplier", denominator="booked_listing_count")),
    Mutation("supplier_concentration", "upside down", _upside_down("supplier_concentration")),
    Mutation("market_concentration", "upside down", _upside_down("market_concentration")),
    Mutation("market_top_supplier_share", "upside down", _upside_down("market_top_supplier_share")),
    Mutation("offers_per_search", "upside down", _upside_down("offers_per_search")),
    Mutation("top_supplier_share", "of all squares", _ratio("top_supplier_share", denominator="supplier_square_sum")),
    Mutation("booked_listings", "bookings", _expr("booked_listings", "booking_count")),
    Mutation("listing_views", "distinct listings", _expr("listing_views", "viewed_listing_count")),
    Mutation("supply_liquidity", "upside down", _upside_down("supply_liquidity")),
    Mutation("zero_result_rate", "of all searches", _ratio("zero_result_rate", denominator="search_count")),
    Mutation("take_rate", "of the amount booked", _ratio("take_rate", denominator="booked_value")),
    Mutation("average_booking_value", "after cancellations", _ratio("average_booking_value", numerator="gmv_value")),
    Mutation("payments_received", "fees instead", _expr("payments_received", "payment_fee_value")),
    Mutation("payments", "attempts", _expr("payments", "payment_attempt_count")),
    Mutation("average_payment", "per attempt", _ratio("average_payment", denominator="payment_attempt_count")),
    Mutation(
        "earned_revenue_per_active_user",
        "the margin",
        _ratio("earned_revenue_per_active_user", numerator="margin_line_value"),
    ),
    Mutation("backer_conversion_rate", "pledges", _ratio("backer_conversion_rate", numerator="pledge_count")),
    Mutation("render_ms", "of all measurements", _ratio("render_ms", denominator="web_vital_count")),
    Mutation("bundle_bytes", "the database", _ratio("bundle_bytes", numerator="database_latency_ms_sum")),
    Mutation("payment_failure_rate", "upside down", _upside_down("payment_failure_rate")),
    Mutation("payment_fees", "the wrong sign", _expr("payment_fees", "- payment_fee_value")),
    Mutation("refunds", "their amount", _expr("refunds", "refunded_value")),
    Mutation("refunded_amount", "their number", _expr("refunded_amount", "refund_count")),
    Mutation("refund_rate", "of all attempts", _ratio("refund_rate", denominator="payment_attempt_count")),
    Mutation("net_new_mrr", "gained alone", _expr("net_new_mrr", "mrr_movement_value + lost_mrr_value")),
    Mutation("lost_mrr", "the wrong sign", _expr("lost_mrr", "- lost_mrr_value")),
    Mutation("mrr", "of a year", _expr("mrr", "12 * mrr_value")),
    Mutation("arr", "of a month", _expr("arr", "mrr_value")),
    Mutation("pledges", "their amount", _expr("pledges", "pledged_value")),
    Mutation("pledged_amount", "their number", _expr("pledged_amount", "pledge_count")),
    Mutation("average_pledge", "upside down", _upside_down("average_pledge")),
    Mutation("invoiced_amount", "paid ones", _expr("invoiced_amount", "invoice_paid_value")),
    Mutation("invoices_paid_amount", "issued ones", _expr("invoices_paid_amount", "invoice_issued_value")),
    Mutation("invoices_outstanding", "loans", _expr("invoices_outstanding", "loans_outstanding_value")),
    Mutation(
        "loans_disbursed", "with interest", _expr("loans_disbursed", "loan_disbursed_value + loan_interest_value")
    ),
    Mutation("loan_principal_repaid", "interest", _expr("loan_principal_repaid", "loan_interest_value")),
    Mutation("loan_interest", "principal", _expr("loan_interest", "loan_principal_repaid_value")),
    Mutation("loans_outstanding", "invoices", _expr("loans_outstanding", "invoices_outstanding_value")),
    Mutation("missed_instalments", "amount paid", _expr("missed_instalments", "loan_principal_repaid_value")),
    Mutation("inquiries", "answers too", _expr("inquiries", "inquiry_count + inquiry_answer_count")),
    Mutation(
        "inquiry_acceptance_rate", "of those sent", _ratio("inquiry_acceptance_rate", denominator="inquiry_count")
    ),
    Mutation("fill_rate", "of those answered", _ratio("fill_rate", denominator="inquiry_answer_count")),
    Mutation("recommendation_click_rate", "upside down", _upside_down("recommendation_click_rate")),
    Mutation("leads", "won ones", _expr("leads", "won_lead_count")),
    Mutation("leads_won", "lost ones too", _expr("leads_won", "decided_lead_count")),
    Mutation("lead_win_rate", "of those created", _ratio("lead_win_rate", denominator="lead_count")),
    Mutation("leads_won_amount", "their number", _expr("leads_won_amount", "won_lead_count")),
    Mutation("marketing_spend", "clicks", _expr("marketing_spend", "marketing_click_count")),
    Mutation("cost_per_click", "upside down", _upside_down("cost_per_click")),
    Mutation("cost_per_lead", "per lead won", _ratio("cost_per_lead", denominator="won_lead_count")),
    Mutation("customer_acquisition_cost", "per lead", _ratio("customer_acquisition_cost", denominator="lead_count")),
    Mutation("reviews", "their stars", _expr("reviews", "review_score_sum")),
    Mutation("average_rating", "upside down", _upside_down("average_rating")),
    Mutation("nps", "of reviews", _ratio("nps", denominator="review_count")),
    Mutation("nps_answers", "points", _expr("nps_answers", "nps_points_sum")),
    Mutation("tickets_opened", "once more", _expr("tickets_opened", "ticket_opened_count + ticket_reopened_count")),
    Mutation("tickets_resolved", "opened ones", _expr("tickets_resolved", "ticket_opened_count")),
    Mutation("ticket_reopen_rate", "of opened ones", _ratio("ticket_reopen_rate", denominator="ticket_opened_count")),
    Mutation("open_tickets", "the wrong sign", _expr("open_tickets", "- open_ticket_count")),
    Mutation("equipment_scans", "failed ones too", _expr("equipment_scans", "scan_attempt_count")),
    Mutation("scan_exception_rate", "of good ones", _ratio("scan_exception_rate", denominator="scan_count")),
    Mutation("equipment_hours_out", "scans", _expr("equipment_hours_out", "scan_count")),
    Mutation("transport_departures", "those in time", _expr("transport_departures", "departure_in_time_count")),
    Mutation("on_time_departure_rate", "upside down", _upside_down("on_time_departure_rate")),
    Mutation(
        "transport_cancellation_rate",
        "of departures",
        _ratio("transport_cancellation_rate", denominator="departure_count"),
    ),
    Mutation("bookings_completed", "missed ones too", _expr("bookings_completed", "booking_outcome_count")),
    Mutation("no_show_rate", "of completed ones", _ratio("no_show_rate", denominator="completed_booking_count")),
    Mutation(
        "hours_to_completion", "of all completed", _ratio("hours_to_completion", denominator="completed_booking_count")
    ),
    Mutation("hours_delivered", "bookings", _expr("hours_delivered", "completed_booking_count")),
    Mutation("hours_available", "publications", _measure("offered_hours_sum", agg="count")),
    Mutation("utilisation_rate", "upside down", _upside_down("utilisation_rate")),
    Mutation("active_listings", "publications", _measure("offered_listing_count", agg="count")),
    Mutation("active_suppliers", "publications", _measure("offering_supplier_count", agg="count")),
    Mutation("supply_demand_ratio", "upside down", _upside_down("supply_demand_ratio")),
    Mutation("notifications_sent", "opened ones", _expr("notifications_sent", "notification_opened_count")),
    Mutation("notification_delivery_rate", "upside down", _upside_down("notification_delivery_rate")),
    Mutation(
        "notification_open_rate",
        "of those sent",
        _ratio("notification_open_rate", denominator="notification_sent_count"),
    ),
    Mutation("ad_views", "to the end", _expr("ad_views", "completed_ad_view_count")),
    Mutation("ad_completion_rate", "upside down", _upside_down("ad_completion_rate")),
    Mutation("ad_revenue", "views", _expr("ad_revenue", "ad_view_count")),
    Mutation(
        "average_session_seconds",
        "those with a search",
        _ratio("average_session_seconds", denominator="search_session_count"),
    ),
    Mutation("pages_per_session", "events", _measure("session_page_count", expr="event_count")),
    Mutation(
        "bounce_rate",
        "no page",
        _measure("bounced_session_count", expr="case when page_view_count = 0 then 1 else 0 end"),
    ),
    Mutation("new_users", "all visits", _expr("new_users", "session_count")),
    Mutation("activation_rate", "of all visits", _ratio("activation_rate", denominator="session_count")),
    Mutation("signups", "those who book", _expr("signups", "converted_signup_count")),
    Mutation("signup_rate", "upside down", _upside_down("signup_rate")),
    Mutation("referrals", "what they led to", _expr("referrals", "referred_signup_count")),
    Mutation("referral_signup_rate", "customers", _ratio("referral_signup_rate", numerator="referred_customer_count")),
    Mutation(
        "referral_conversion_rate", "of those sent", _ratio("referral_conversion_rate", denominator="referral_count")
    ),
    Mutation("referral_rate", "of those sent", _ratio("referral_rate", denominator="referral_count")),
    Mutation(
        "projects_launched",
        "told again",
        _measure("launched_project_count", expr="case when status = 'active' then 1 else 0 end"),
    ),
    Mutation("projects_funded", "failed ones too", _expr("projects_funded", "ended_project_count")),
    Mutation(
        "project_success_rate",
        "of those launched",
        _ratio("project_success_rate", denominator="launched_project_count"),
    ),
    Mutation("days_to_funding", "of all funded", _ratio("days_to_funding", denominator="funded_project_count")),
    Mutation("active_communities", "projects", _expr("active_communities", "pledged_project_count")),
    Mutation("projects_per_community", "pledges", _ratio("projects_per_community", numerator="pledge_count")),
    Mutation("community_members", "joins", _expr("community_members", "membership_count")),
    Mutation("float_balance", "loans", _expr("float_balance", "loans_outstanding_value")),
    Mutation(
        "hours_to_first_response",
        "of resolved ones",
        _ratio("hours_to_first_response", denominator="ticket_resolved_count"),
    ),
    Mutation(
        "hours_to_resolution", "of all resolved", _ratio("hours_to_resolution", denominator="ticket_resolved_count")
    ),
    Mutation("hours_to_fill", "of all accepted", _ratio("hours_to_fill", denominator="accepted_inquiry_count")),
    Mutation(
        "active_subscriptions", "those of the beginning", _expr("active_subscriptions", "opening_subscription_count")
    ),
    Mutation(
        "subscription_churn_rate",
        "of those at the end",
        _ratio("subscription_churn_rate", denominator="active_subscription_count"),
    ),
    Mutation("mrr_churn_rate", "of the MRR at the end", _ratio("mrr_churn_rate", denominator="mrr_value")),
    Mutation("net_revenue_retention", "with new ones", _ratio("net_revenue_retention", numerator="mrr_value")),
    Mutation(
        "gross_revenue_retention", "with growth", _ratio("gross_revenue_retention", numerator="retained_mrr_value")
    ),
    Mutation("invoice_collection_rate", "upside down", _upside_down("invoice_collection_rate")),
    Mutation("api_requests", "timed ones", _expr("api_requests", "timed_request_count")),
    Mutation("funding_velocity", "per launch", _ratio("funding_velocity", denominator="launched_project_count")),
    Mutation("user_churn_rate", "upside down", _upside_down("user_churn_rate")),
    Mutation("api_request_rate", "seconds per request", _upside_down("api_request_rate")),
    Mutation("api_error_rate", "of those timed", _ratio("api_error_rate", denominator="timed_request_count")),
    Mutation("api_latency_ms", "of all requests", _ratio("api_latency_ms", denominator="api_request_count")),
    Mutation("slow_request_rate", "of all requests", _ratio("slow_request_rate", denominator="api_request_count")),
    Mutation("errors", "unhandled ones", _expr("errors", "unhandled_error_count")),
    Mutation("good_web_vitals_rate", "upside down", _upside_down("good_web_vitals_rate")),
    Mutation("database_latency_ms", "the pool", _ratio("database_latency_ms", denominator="pool_usage_rate_count")),
    Mutation("pool_usage_rate", "the quota", _ratio("pool_usage_rate", denominator="quota_usage_rate_count")),
    Mutation("cache_hit_rate", "the database", _ratio("cache_hit_rate", denominator="database_latency_ms_count")),
    Mutation("quota_usage_rate", "the pool", _ratio("quota_usage_rate", numerator="pool_usage_rate_sum")),
    Mutation("clicks", "bursts", _expr("clicks", "rage_click_count")),
    Mutation("rage_clicks", "clicks", _expr("rage_clicks", "click_count")),
    Mutation("seconds_on_page", "of those scrolled", _ratio("seconds_on_page", denominator="scrolled_leave_count")),
    Mutation("scroll_depth", "of those timed", _ratio("scroll_depth", denominator="timed_leave_count")),
    Mutation("leakage_rate", "of all acceptances", _ratio("leakage_rate", denominator="accepted_inquiry_count")),
    Mutation("return_rate", "who books", _ratio("return_rate", numerator="activated_person_count")),
    Mutation("earned_revenue", "gross", _expr("earned_revenue", "margin_line_value")),
    Mutation("taxes_recorded", "incentives", _expr("taxes_recorded", "incentive_line_value")),
    Mutation("incentives_given", "the wrong sign", _expr("incentives_given", "- incentive_line_value")),
    Mutation("net_take_rate", "of what is earned", _ratio("net_take_rate", numerator="earned_line_value")),
    Mutation("gross_margin", "of what is sold", _ratio("gross_margin", denominator="gross_line_value")),
    Mutation("misconverted_rate", "upside down", _upside_down("misconverted_rate")),
    Mutation("dashboard_uses", "looks", _expr("dashboard_uses", "dashboard_view_count")),
    Mutation("revenue_per_active_user", "of GMV", _ratio("revenue_per_active_user", numerator="gmv_value")),
)


def build_kpis(
    settings: Settings,
    manifest: Any,
    mutations: Iterable[Mutation],
    monkeypatch: Any,
    models: Iterable[str] = KPI_MODELS,
) -> None:
    """Run the KPI models of a warehouse that is already built, with some formulas changed."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    right = deepcopy(manifest.metrics)
    for mutation in mutations:
        mutation.change(manifest)
    manifest.build_flat_graph()
    arguments = ["run", *base_arguments(settings), "--select", *models, "--full-refresh"]
    try:
        done = dbtRunner(manifest=manifest).invoke([*arguments, "--no-write-json", "--no-populate-cache"])
    finally:
        manifest.metrics = right
        manifest.build_flat_graph()
        DuckDBConnectionManager.close_all_connections()
    assert done.success, done.exception or [r.message for r in done.result]
