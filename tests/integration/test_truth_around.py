"""Every KPI of payments, subscriptions, leads, tickets and the like equals the ground truth of all five businesses.

The truth has quantities by local day, which the simulator planned and the warehouse never reads. A KPI is one of them,
a sum of some, or one over another; over longer periods they are added up, and a level is that of the last day.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import duckdb
import pyarrow.parquet as pq
import pytest

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.kpis import load_catalogue
from almanac.settings import ROOT, Settings
from ingestion.simulator.run import simulate
from ingestion.simulator.tenants import BUSINESSES
from tests.integration.test_truth import OF_VISITS
from tests.recounted_joins import Sides, leaked, misconverted

pytestmark = pytest.mark.xdist_group("truth_around")  # one world for all KPIs

LAST_DAY = date(2026, 4, 8)
# Instalments are a month apart, messages about prices a week; of the others 18, over the end of a quarter.
DAYS = {"community": 45, "equipment": 40, "travel": 30}
USERS = {"rentals": 60, "advisory": 40, "community": 110, "equipment": 80, "travel": 120}

Cell = tuple[str, date, str, str]  # tenant, first day of the period, dimension, its value


@dataclass(frozen=True)
class Part:
    """A quantity of the truth as a summand: all of it, or what has one value of one of its dimensions.

    With `met` it is how many values of that dimension had some of it in the period, with `first` how many had it for
    the first time; of a level, the period's last day counts.
    """

    quantity: str
    factor: int = 1
    where: tuple[str, str] = ("all", "all")
    met: str = ""
    is_level: bool = False
    first: str = ""


@dataclass(frozen=True)
class Truth:
    """How a KPI is computed from the truth. `by` are its dimensions that the truth has too.

    `per` is a KPI of the visits, whose truth has every period: what is divided by. `so_far` are two such KPIs, one over
    the other, of all days up to the end of the period. `spread` says what of the 28 days up to it is compared:
    `squares` of suppliers' amounts, or the amounts of the `top` tenth of them. `percent` is a percentile of the times
    of requests, whose number and sum are compared by themselves. `recount` counts it from accepted events,
    because it is over several kinds of them.
    """

    above: tuple[Part, ...] = ()
    below: tuple[Part, ...] = ()
    by: tuple[str, ...] = ()
    per: str = ""
    so_far: tuple[str, ...] = ()
    spread: str = ""
    percent: int = 0
    recount: Callable[[Settings], Sides] | None = None


def of(quantity: str, below: str = "", *, by: str = "", is_level: bool = False, factor: int = 1) -> Truth:
    return Truth((Part(quantity, factor, is_level=is_level),), (Part(below),) if below else (), tuple(by.split()))


OPENING_SUBSCRIPTIONS = (
    Part("subscriptions_active", is_level=True),
    Part("subscriptions_begun", -1),
    Part("subscriptions_ended"),
)
OPENING_MRR = (Part("mrr_amount", is_level=True), Part("mrr_movement_amount", -1))
TRUTHS = {
    "payments_received": of("payments_received_amount", by="provider"),
    "payment_failure_rate": of("payments_failed", "payments_attempted", by="provider"),
    "payment_fees": of("payment_fees_amount", by="provider"),
    "refunds": of("refunds"),
    "refunded_amount": of("refunds_amount"),
    "refund_rate": of("refunds_amount", "payments_received_amount"),
    "net_new_mrr": of("mrr_movement_amount", by="movement"),
    "lost_mrr": Truth(tuple(Part("mrr_movement_amount", -1, ("movement", kind)) for kind in ("churn", "contraction"))),
    "mrr": of("mrr_amount", is_level=True),
    "arr": of("mrr_amount", is_level=True, factor=12),
    "pledges": of("pledges", by="category"),
    "pledged_amount": of("pledges_amount", by="category"),
    "average_pledge": of("pledges_amount", "pledges", by="category"),
    "active_subscriptions": of("subscriptions_active", is_level=True),
    # What there was at the beginning: what there is at the end, less what came, and what went.
    "subscription_churn_rate": Truth((Part("subscriptions_ended"),), OPENING_SUBSCRIPTIONS),
    "mrr_churn_rate": Truth((Part("mrr_lost_amount"),), OPENING_MRR),
    "net_revenue_retention": Truth(
        (*OPENING_MRR, Part("mrr_movement_amount", 1, ("movement", "expansion")), Part("mrr_lost_amount", -1)),
        OPENING_MRR,
    ),
    "api_requests": of("api_requests", by="route"),
    "api_error_rate": Truth((Part("api_requests", 1, ("status", "500")),), (Part("api_requests"),)),
    "api_latency_ms": of("api_latency_ms", "api_requests", by="route"),
    **{f"api_latency_p{percent}_ms": Truth(percent=percent) for percent in (50, 95, 99)},
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
        )
    },
    "clicks": of("clicks", by="element"),
    "rage_clicks": of("rage_bursts", by="element"),
    "seconds_on_page": of("dwell_seconds", "pages_left", by="route"),
    "scroll_depth": of("scroll_depth", "pages_left"),
    "dashboard_uses": of("dashboard_uses", by="dashboard"),
    "invoice_collection_rate": of("invoices_paid_amount", "invoices_issued_amount"),
    "float_balance": of("float_amount", is_level=True),
    "projects_launched": of("projects_active", by="category"),
    "projects_funded": of("projects_funded", by="category"),
    "project_success_rate": Truth(
        (Part("projects_funded"),), (Part("projects_funded"), Part("projects_failed")), ("category",)
    ),
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
    "utilisation_rate": of("hours_booked", "hours_available", by="supplier"),
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


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The five businesses over some weeks, built in two steps."""
    settings = Settings.for_home(tmp_path_factory.mktemp("home"))
    runner = WarmDbt(data_tests=False, for_models=["kpi_values"])
    for until in (LAST_DAY - timedelta(days=9), LAST_DAY):
        for tenant in BUSINESSES:
            days = DAYS.get(tenant, 18) - (LAST_DAY - until).days
            now = datetime(until.year, until.month, until.day, 23, 59, tzinfo=UTC)
            simulate(settings, tenant, seed=4, users=USERS[tenant], days=days, last_day=until, now=now, is_whole=True)
        result = run_build(settings, runner=runner)
        assert result.succeeded, [(n.name, n.message) for n in result.failed]
    return settings


@pytest.fixture(scope="module")
def planned(settings: Settings) -> dict[str, dict[Cell, Decimal]]:
    """By quantity, its value per tenant, local day, dimension and value."""
    found: dict[str, dict[Cell, Decimal]] = {}
    for tenant in BUSINESSES:
        for row in pq.read_table(settings.truth / f"{tenant}_around.parquet").to_pylist():
            cell = (tenant, row["local_date"], row["dimension"], row["dimension_value"])
            found.setdefault(row["quantity"], {})[cell] = row["value"]
    return found


def test_every_kpi_has_a_truth() -> None:
    assert set(load_catalogue(ROOT).kpis) == TRUTHS.keys() | OF_VISITS


@pytest.mark.parametrize("kpi", sorted(TRUTHS))
def test_the_kpi_equals_the_truth(kpi: str, settings: Settings, planned: dict[str, dict[Cell, Decimal]]) -> None:
    truth, own = TRUTHS[kpi], load_catalogue(ROOT).kpi(kpi)
    for dimension in ("all", *(d for d in own.settings.dimensions if d in truth.by)):
        for grain in (g for g in own.settings.time_grains if g != "hour"):
            above = total(planned, truth.above, dimension, grain)
            below = total(planned, truth.below, dimension, grain) if truth.below else {}
            below |= of_visits(settings, truth.per, dimension, grain) if truth.per else {}
            if truth.spread:
                above, below = spread_over_suppliers(settings, truth.spread, grain)
            if truth.recount:
                above, below = recounted(truth.recount(settings), grain)
            if truth.percent:
                above = percentiles(settings, truth.percent, grain)
            if truth.so_far:
                above, below = (running(settings, visited, grain) for visited in truth.so_far)
            is_ratio = bool(own.denominator)
            found = {
                cell: (numerator or 0, denominator or 0)
                for cell, numerator, denominator in stored(settings, kpi, grain, dimension)
            }
            wanted = {
                cell: (
                    above.get(cell, 0),
                    below.get(cell, 0) if is_ratio else 1,
                )
                for cell in above.keys() | below.keys()
            }
            wrong = {
                cell: (pair, wanted.get(cell)) for cell, pair in found.items() if wanted.get(cell, (0, pair[1])) != pair
            }
            assert wrong == {}, f"{kpi} by {grain} and {dimension}: (stored, planned)"
            missing = {
                cell: pair for cell, pair in wanted.items() if cell not in found and any(pair) and pair != (0, 1)
            }
            assert missing == {}, f"{kpi} by {grain} and {dimension} is not stored"
            assert any(pair[0] for pair in wanted.values()), f"{kpi} by {grain} and {dimension}: nothing was planned"


def stored(
    settings: Settings, kpi: str, grain: str, dimension: str
) -> Iterable[tuple[Cell, Decimal | None, Decimal | None]]:
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        rows = con.execute(
            "select tenant, period_start, dimension_value, numerator, denominator from kpis.kpi_values "
            "where kpi = ? and time_grain = ? and dimension = ?",
            [kpi, grain, dimension],
        ).fetchall()
    return [((tenant, start, dimension, value), above, below) for tenant, start, value, above, below in rows]


def total(
    planned: dict[str, dict[Cell, Decimal]], parts: tuple[Part, ...], dimension: str, grain: str
) -> dict[Cell, Decimal]:
    """The parts added up over periods, each period under the name of its first day; of a level, its last day."""
    sums: dict[Cell, Decimal] = {}
    newest: dict[Cell, tuple[date, Decimal]] = {}
    for part in parts:
        for cell, values in met(planned, part, grain).items():
            sums[cell] = sums.get(cell, Decimal(0)) + len(values) * part.factor
    for part, (tenant, day, _, value), amount in chosen(planned, parts, dimension):
        start = start_of(day, grain)
        cell = (tenant, start, "all" if dimension == "all" else dimension, value)
        if not part.is_level:
            sums[cell] = sums.get(cell, Decimal(0)) + amount * part.factor
        elif day >= newest.get(cell, (day,))[0]:
            newest[cell] = (day, amount * part.factor)
    for cell, (_, amount) in newest.items():
        sums[cell] = sums.get(cell, Decimal(0)) + amount
    return sums


def met(planned: dict[str, dict[Cell, Decimal]], part: Part, grain: str) -> dict[Cell, set[str]]:
    """The values of the part's dimension that were met in a period."""
    found: dict[Cell, set[str]] = {}
    seen: set[tuple[str, str]] = set()
    for (tenant, day, dimension, value), amount in sorted(
        planned.get(part.quantity, {}).items(), key=lambda c: c[0][1]
    ):
        if dimension == (part.met or part.first) and amount and not (part.first and (tenant, value) in seen):
            found.setdefault((tenant, start_of(day, grain), "all", "all"), set()).add(value)
            seen.add((tenant, value))
    return found


def of_visits(settings: Settings, kpi: str, dimension: str, grain: str) -> dict[Cell, Decimal]:
    """What the truth of visits says of a KPI that counts."""
    return {
        (tenant, row["period_start"], row["dimension"], row["dimension_value"]): row["numerator"]
        for tenant in BUSINESSES
        for row in pq.read_table(settings.truth / f"{tenant}.parquet").to_pylist()
        if (row["kpi"], row["dimension"], row["time_grain"]) == (kpi, dimension, grain)
    }


def chosen(
    planned: dict[str, dict[Cell, Decimal]], parts: tuple[Part, ...], dimension: str
) -> Iterator[tuple[Part, Cell, Decimal]]:
    for part in (p for p in parts if not p.met and not p.first):
        wanted = part.where if part.where[0] != "all" else (dimension, None)
        for cell, amount in planned.get(part.quantity, {}).items():
            if cell[2] == wanted[0] and wanted[1] in (None, "all", cell[3]):
                tenant, day, _, value = cell
                yield part, (tenant, day, dimension, value if part.where[0] == "all" else "all"), amount


def running(settings: Settings, kpi: str, grain: str) -> dict[Cell, Decimal]:
    """What the truth of visits says of a KPI that adds up, of all days from the first revenue to the period's last.

    The last period ends with the tenant's local day of the newest data.
    """
    daily, revenue = of_visits(settings, kpi, "all", "day"), of_visits(settings, "revenue", "all", "day")
    newest = newest_days(settings)
    found: dict[Cell, Decimal] = {}
    for tenant in {cell[0] for cell in revenue}:
        first, so_far = min(cell[1] for cell in revenue if cell[0] == tenant), Decimal(0)
        for number in range((newest[tenant] - first).days + 1):
            day = first + timedelta(days=number)
            so_far += daily.get((tenant, day, "all", "all"), 0)
            found[tenant, start_of(day, grain), "all", "all"] = so_far
    return found


def spread_over_suppliers(settings: Settings, what: str, grain: str) -> tuple[dict[Cell, Decimal], dict[Cell, Decimal]]:
    """Squares and the square of all (or what the top tenth has, and the amount of all) of 28 days, at its end."""
    sold: dict[tuple[str, date], dict[str, Decimal]] = {}
    for (tenant, day, _, supplier), amount in of_visits(settings, "gross_gmv", "supplier", "day").items():
        for later in range(28):
            of_day = sold.setdefault((tenant, day + timedelta(days=later)), {})
            of_day[supplier] = of_day.get(supplier, Decimal(0)) + amount
    newest = newest_days(settings)
    above, below = {}, {}
    for (tenant, day), amounts in sorted(sold.items()):
        cell = (tenant, start_of(day, grain), "all", "all")
        most = sorted((a for a in amounts.values() if a > 0), reverse=True)
        if day <= newest[tenant] and most:  # a later day of the period takes the place of an earlier one
            above[cell] = sum(a * a for a in most) if what == "squares" else sum(most[: -(-len(most) // 10)])
            below[cell] = sum(most) ** 2 if what == "squares" else sum(most)
    return above, below


def recounted(days: Sides, grain: str) -> tuple[dict[Cell, Decimal], dict[Cell, Decimal]]:
    """Both sides per period, added up from its days."""
    above: dict[Cell, Decimal] = {}
    below: dict[Cell, Decimal] = {}
    for (tenant, day), (leaks, traced) in days.items():
        cell = (tenant, start_of(day, grain), "all", "all")
        above[cell], below[cell] = above.get(cell, Decimal(0)) + leaks, below.get(cell, Decimal(0)) + traced
    return above, below


def percentiles(settings: Settings, percent: int, grain: str) -> dict[Cell, Decimal]:
    """A percentile of the milliseconds of requests, from one to the next in proportion, rounded as it is stored."""
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        rows = con.execute(
            "select tenant, request_date, answer_ms from marts.fact_api_requests where answer_ms is not null"
        ).fetchall()
    times: dict[Cell, list[Decimal]] = {}
    for tenant, day, milliseconds in rows:
        times.setdefault((tenant, start_of(day, grain), "all", "all"), []).append(milliseconds)
    found = {}
    for cell, own in times.items():
        own.sort()
        place, part = divmod(Decimal(percent) / 100 * (len(own) - 1), 1)
        low, high = own[int(place)], own[min(int(place) + 1, len(own) - 1)]
        found[cell] = (low + part * (high - low)).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    return found


def newest_days(settings: Settings) -> dict[str, date]:
    """Each tenant's local day of the newest data."""
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        return dict(con.execute("select tenant, local_date from intermediate.int_events__as_of").fetchall())


def start_of(day: date, grain: str) -> date:
    if grain == "week":
        return day - timedelta(days=day.weekday())
    month = day if grain == "day" else day.replace(day=1)
    return month.replace(month=day.month - (day.month - 1) % 3) if grain == "quarter" else month
