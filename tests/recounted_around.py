"""What the messages say about everything around the visits, counted plainly, quantity by quantity."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ingestion.envelope import Arrival
from ingestion.tracking_plan import load_plan
from tests.recounted import clean

Typed = dict[str, Any]
Value = Callable[[Typed], Any]
Cell = tuple[str, date, str, str]  # quantity, local day, dimension, its value


@dataclass(frozen=True)
class Count:
    """How a quantity is read from one event; `of` are the states or the like that count, by property."""

    event: str
    value: Value = lambda typed: 1
    of: Mapping[str, Any] = field(default_factory=dict)
    by: Mapping[str, str | Value] = field(default_factory=dict)

    def matches(self, typed: Typed) -> bool:
        """Whether an event counts."""
        return all(typed.get(name) == wanted for name, wanted in self.of.items())


def amount(typed: Typed) -> Any:
    return typed["amount"]


def fee(typed: Typed) -> Any:
    return typed["fee"]


def score(typed: Typed) -> Any:
    return typed["score"]


def sold_for_others(typed: Typed) -> bool:
    return typed["line_type"] == "gross" and typed["revenue_stream"] in ("bookings", "pledges")


def earned(typed: Typed) -> Any:
    is_own = typed["line_type"] in ("commission", "fee", "gross") and not sold_for_others(typed)
    return typed["amount"] if is_own else 0


def stream(typed: Typed) -> str:
    kinds = {"booking_id": "bookings", "invoice_id": "subscriptions", "pledge_id": "pledges"}
    return next(kind for name, kind in kinds.items() if typed.get(name))


def band(typed: Typed) -> str:
    return "promoter" if typed["score"] >= 9 else "passive" if typed["score"] >= 7 else "detractor"


def latency(typed: Typed) -> str:
    bounds = (25, 50, 100, 200, 500, 1_000, 2_000, 5_000)
    return next((f"<= {bound}" for bound in bounds if typed["latency_ms"] <= bound), "> 5000")


def state(name: str) -> dict[str, str]:
    return {"status": name}


PAID: Mapping[str, str | Value] = {"provider": "provider", "stream": stream}
PLEDGE: Mapping[str, str | Value] = {
    "project": "listing_id",
    "community": "group_id",
    "category": "category",
    "backer": "user",
}
SUBSCRIPTION: Mapping[str, str | Value] = {"subscription": "subscription_id"}
MOVED = ("new", "expansion", "contraction", "churn", "reactivation")
COUNTS: dict[str, Count] = {
    "listing_updates": Count("listing_updated", by={"category": "category"}, of={"target_amount": None}),
    **{
        f"projects_{s}": Count(
            "listing_updated",
            of={**state(s), "listing_type": "project"},
            by={"category": "category", "community": "group_id"},
        )
        for s in ("active", "funded", "failed")
    },
    "projects_target_amount": Count("listing_updated", lambda t: t["target_amount"], {"listing_type": "project"}),
    "suppliers_joined": Count("supplier_updated"),
    "availabilities": Count("availability_published", by={"supplier": "supplier_id", "listing": "listing_id"}),
    "hours_available": Count("availability_published", lambda t: t.get("hours") or 0, by={"supplier": "supplier_id"}),
    "units_available": Count("availability_published", lambda t: t.get("quantity") or 0),
    "revenue_lines_amount": Count(
        "revenue_recorded", amount, by={"line_type": "line_type", "stream": "revenue_stream"}
    ),
    "earned_amount": Count("revenue_recorded", earned, by={"revenue_stream": "revenue_stream"}),
    "sold_for_others_amount": Count("revenue_recorded", lambda t: t["amount"] if sold_for_others(t) else 0),
    "payments_attempted": Count("payment_processed", by=PAID),
    "payments_failed": Count("payment_processed", of=state("failed"), by=PAID),
    "payments_received_amount": Count("payment_processed", amount, state("succeeded"), PAID),
    "payment_fees_amount": Count("payment_processed", fee, by=PAID),
    "bookings_completed": Count("booking_status_changed", of=state("completed"), by={"supplier": "supplier_id"}),
    "bookings_missed": Count("booking_status_changed", of=state("no_show")),
    "hours_booked": Count("booking_status_changed", lambda t: t.get("hours") or 0, by={"supplier": "supplier_id"}),
    "refunds": Count("refund_issued"),
    "refunds_amount": Count("refund_issued", amount),
    "mrr_movement_amount": Count(
        "subscription_changed", lambda t: t["mrr"] - t["previous_mrr"], by={"movement": "movement", **SUBSCRIPTION}
    ),
    "mrr_lost_amount": Count("subscription_changed", lambda t: max(t["previous_mrr"] - t["mrr"], 0)),
    "subscriptions_begun": Count(
        "subscription_changed", lambda t: int(t["movement"] in ("new", "reactivation")), by=SUBSCRIPTION
    ),
    "subscriptions_ended": Count("subscription_changed", of={"movement": "churn"}, by=SUBSCRIPTION),
    "subscription_movements": Count("subscription_changed", by={"movement": "movement", "plan": "plan"}),
    "invoice_updates": Count("invoice_updated", by={"status": "status"}),
    **{f"invoices_{s}_amount": Count("invoice_updated", amount, state(s)) for s in ("issued", "paid", "void")},
    "listing_interactions": Count("listing_interacted", by={"action": "action", "listing": "listing_id"}),
    **{f"recommendation_{a}s": Count("recommendation_interacted", of={"action": a}) for a in ("impression", "click")},
    "funnel_steps": Count("funnel_step_reached", by={"step": "step"}),
    "inquiries_sent": Count("inquiry_sent", by={"category": "category"}),
    "inquiries_answered": Count("inquiry_answered", by={"status": "status"}),
    "clicks": Count("element_clicked", by={"element": "element"}),
    "pages_left": Count("page_left", by={"route": "route"}),
    "dwell_seconds": Count("page_left", lambda t: t["dwell_seconds"], by={"route": "route"}),
    "scroll_depth": Count("page_left", lambda t: t["depth_ratio"]),
    "web_vitals": Count("web_vital_measured", by={"metric": "metric"}),
    "web_vitals_good": Count("web_vital_measured", of={"vital_rating": "good"}, by={"metric": "metric"}),
    "web_vital_sum": Count("web_vital_measured", lambda t: t["value"], by={"metric": "metric"}),
    "tickets_opened": Count("ticket_updated", of=state("opened"), by={"category": "category", "priority": "priority"}),
    "tickets_answered": Count("ticket_updated", of=state("answered"), by={"priority": "priority"}),
    "tickets_resolved": Count("ticket_updated", of=state("resolved")),
    "tickets_reopened": Count("ticket_updated", of=state("reopened")),
    "tickets_closed": Count("ticket_updated", of=state("closed")),
    "nps_answers": Count("survey_answered", of={"survey": "nps"}, by={"band": band}),
    "survey_answers": Count("survey_answered", by={"survey": "survey"}),
    "survey_scores": Count("survey_answered", score, by={"survey": "survey"}),
    "reviews": Count("review_submitted", by={"supplier": "supplier_id"}),
    "review_stars": Count("review_submitted", score, by={"supplier": "supplier_id"}),
    **{
        f"leads_{s}": Count("lead_updated", of=state(s), by={"channel": "channel"})
        for s in ("created", "qualified", "won", "lost")
    },
    "leads_won_amount": Count("lead_updated", amount, state("won"), {"channel": "channel"}),
    "marketing_spend_amount": Count("marketing_spend_recorded", amount, by={"channel": "channel"}),
    "marketing_clicks": Count("marketing_spend_recorded", lambda t: t["clicks"], by={"channel": "channel"}),
    "referrals": Count("referral_recorded", by={"status": "status"}),
    "referral_rewards_amount": Count("referral_recorded", amount),
    "notifications": Count("notification_updated", by={"status": "status"}),
    "fx_rates": Count("fx_rate_published", by={"currency": "currency"}),
    "fx_rate_sum": Count("fx_rate_published", lambda t: t["rate"], by={"currency": "currency"}),
    "quotes": Count(
        "price_quoted",
        by={"listing": "listing_id", "route": lambda typed: f"{typed['origin']}-{typed['destination']}"},
    ),
    "quoted_price_amount": Count("price_quoted", lambda t: t["price"], by={"listing": "listing_id"}),
    "price_alerts": Count("price_alert_updated", by={"status": "status"}),
    "exposures": Count("experiment_exposed"),
    "conversions": Count("experiment_converted"),
    "conversions_amount": Count("experiment_converted", amount),
    "flag_evaluations": Count("flag_evaluated"),
    "profile_changes": Count("user_identified", of={"email": None}, by={"role": "role", "plan": "plan"}),
    "group_members_joined": Count("group_joined", by={"group": "group_id"}),
    "pledges": Count("pledge_made", by=PLEDGE),
    "pledges_amount": Count("pledge_made", amount, by=PLEDGE),
    "ad_views": Count("ad_viewed", by={"ad": "ad_id", "is_completed": lambda t: str(t["is_completed"]).lower()}),
    "ad_revenue_amount": Count("ad_viewed", amount, by={"community": "group_id"}),
    "loans": Count("loan_updated", by={"status": "status"}),
    "loans_disbursed_amount": Count("loan_updated", amount, state("disbursed"), {"group": "group_id"}),
    "repayments": Count("repayment_recorded", by={"status": "status"}),
    "repayments_principal_amount": Count(
        "repayment_recorded", lambda t: t["principal_amount"], state("paid"), {"group": "group_id"}
    ),
    "repayments_interest_amount": Count("repayment_recorded", lambda t: t["interest_amount"], state("paid")),
    "repayments_missed_amount": Count("repayment_recorded", amount, state("missed")),
    "float_balance_amount": Count("balance_recorded", lambda t: t["balance"]),
    "transports_scheduled": Count("transport_leg_updated", of=state("scheduled")),
    "transports_cancelled": Count("transport_leg_updated", of=state("cancelled")),
    "departures": Count("transport_leg_updated", of=state("departed"), by={"origin": "origin"}),
    "arrivals": Count("transport_leg_updated", of=state("arrived")),
    "scans": Count("scan_completed", by={"status": "status", "site": "site"}),
    "equipment_hours_out": Count("scan_completed", lambda t: t["hours"]),
    "scan_exceptions": Count("scan_failed", by={"reason": "reason"}),
    "api_requests": Count(
        "api_request", by={"status": lambda t: str(t["status_code"]), "route": "route", "latency_ms": latency}
    ),
    "api_latency_ms": Count("api_request", lambda t: t["latency_ms"], by={"route": "route"}),
    "errors": Count("error_occurred", by={"route": "route"}),
    "system_samples": Count("system_sampled", by={"metric": "metric"}),
    "system_sample_sum": Count("system_sampled", lambda t: t["value"], by={"metric": "metric"}),
    "dashboard_uses": Count("dashboard_used", by={"action": "action", "dashboard": "dashboard"}),
}


# What names the state of a thing: an event that says it once more, under another id, tells nothing new.
STATES: dict[str, tuple[str, ...]] = {
    "payment_processed": ("payment_id", "status", "attempt"),
    "refund_issued": ("refund_id",),
    "revenue_recorded": ("line_id",),
    "invoice_updated": ("invoice_id", "status"),
    "loan_updated": ("loan_id", "status"),
    "repayment_recorded": ("loan_id", "installment", "status"),
    "lead_updated": ("lead_id", "status"),
    "booking_status_changed": ("booking_id", "status"),
    "referral_recorded": ("referral_id", "status"),
    "inquiry_answered": ("inquiry_id", "status"),
    "review_submitted": ("review_id",),
    "survey_answered": ("survey_id",),
    "scan_completed": ("scan_id",),
    "scan_failed": ("scan_id",),
    "transport_leg_updated": ("leg_id", "status"),
}
# What comes to the same state again, after another one: here only the state before says whether it is told again.
MOVES: dict[str, tuple[str, tuple[str, ...]]] = {
    "ticket_updated": ("ticket_id", ("status",)),
    "subscription_changed": ("subscription_id", ("movement", "previous_mrr", "mrr")),
}


def told_once(events: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The events without those that tell again what an earlier one told; they come in the order of their times."""
    states, latest = set[tuple[str, ...]](), dict[tuple[str, str], list[Any]]()
    for event in events:
        name, typed = event["event"], event["typed"]
        if name in STATES:
            state = (name, *(str(typed[part]) for part in STATES[name]))
            is_new = state not in states
            states.add(state)
        elif name in MOVES:
            thing, parts = MOVES[name]
            says, key = [typed[part] for part in parts], (name, typed[thing])
            is_new = latest.get(key) != says
            latest[key] = says
        else:
            is_new = True
        if is_new:
            yield event


def recount_around(arrivals: Iterable[Arrival], tenant: str) -> tuple[dict[Cell, Decimal], list[dict[str, Any]]]:
    """Every quantity of `COUNTS` by local day, in total and by its dimensions; and the events it was counted from."""
    zone = ZoneInfo(load_plan().tenants[tenant].time_zone)
    of_event: dict[str, list[tuple[str, Count]]] = defaultdict(list)
    for quantity, count in COUNTS.items():
        of_event[count.event].append((quantity, count))
    events, sums = list(told_once(clean(arrivals, tenant))), defaultdict[Cell, Decimal](Decimal)
    for event in events:
        event["day"] = event["at"].astimezone(zone).date()
        typed = event["typed"] | {"user": event["user"]}
        for quantity, count in of_event.get(event["event"], ()):
            if count.matches(typed) and (value := Decimal(str(count.value(typed)))):
                sums[quantity, event["day"], "all", "all"] += value
                for dimension, name in count.by.items():
                    told = typed.get(name) if isinstance(name, str) else name(typed)
                    sums[quantity, event["day"], dimension, str(told)] += value
    return dict(sums), events
