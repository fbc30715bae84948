"""What happens around the visits of the five simulated businesses: contracts, determinism, truth and planted facts."""

import json
import re
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from almanac.errors import AlmanacError
from almanac.settings import Settings
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from ingestion.simulator import simulate
from ingestion.simulator.columns import Kind
from ingestion.simulator.concerns.base import Spots, Today, spots_of
from ingestion.simulator.concerns.care import Surveys, Tickets
from ingestion.simulator.concerns.prices import Quotes
from ingestion.simulator.concerns.rates import Rates
from ingestion.simulator.concerns.telemetry import Requests
from ingestion.simulator.concerns.trials import Trial, is_treated
from ingestion.simulator.engine import World, unfold
from ingestion.simulator.market import Market
from ingestion.simulator.messages import Writer
from ingestion.simulator.tenants import BUSINESSES, VISITED, business_of
from ingestion.simulator.truth import arrival_truth, kpi_truth
from ingestion.simulator.truth_around import RUNNING, around_truth
from ingestion.tracking_plan import judge, load_plan
from tests.recounted import recount
from tests.recounted_around import COUNTS, Cell, recount_around

pytestmark = pytest.mark.xdist_group("simulator_around")  # the worlds are made once
FIRST, UNTIL = date(2026, 3, 12), datetime(2026, 4, 1, 15, 20, tzinfo=UTC)
USERS = {"rentals": 120, "advisory": 80, "community": 150, "equipment": 300, "travel": 150}
FIRST_OF = {"community": date(2026, 2, 19)}  # instalments of a loan are a month apart
TENANTS = pytest.mark.parametrize("tenant", list(BUSINESSES))
PLAN = load_plan()
# What is planned beside the events and cannot be read from one of them alone; other tests look at it.
PLANNED = {
    *(
        "group_members_new",
        "float_change_amount",
        "payment_faults",
        "exposed_users_new",
        "rage_bursts",
        "departures_on_time",
        "ticket_first_response_hours",
    ),
    *("ticket_resolution_hours", "inquiry_answer_hours", "repayments_caught_up_amount", "projects_funding_days"),
    "booking_completion_hours",
}


def made(tenant: str, until: datetime = UNTIL, *, is_whole: bool = True) -> World:
    zone = PLAN.tenants[tenant].time_zone
    return unfold(business_of(tenant), zone, 5, USERS[tenant], FIRST_OF.get(tenant, FIRST), until, is_whole=is_whole)


@cache
def the_world(tenant: str) -> World:
    return made(tenant)


def arrivals_of(world: World) -> list[Arrival]:
    own = PLAN.tenants[world.business.tenant]
    return Writer(world, own, PLAN).everything(world.deliveries, world.around.deliveries)


@cache
def the_arrivals(tenant: str) -> list[Arrival]:
    return arrivals_of(the_world(tenant))


@cache
def counted(tenant: str) -> tuple[dict[Cell, Decimal], list[dict[str, Any]]]:
    return recount_around(the_arrivals(tenant), tenant)


@cache
def truth_of(tenant: str) -> dict[Cell, Decimal]:
    rows = around_truth(the_world(tenant)).to_pylist()
    return {(r["quantity"], r["local_date"], r["dimension"], r["dimension_value"]): r["value"] for r in rows}


def series(tenant: str, quantity: str, dimension: str = "all", value: str = "all") -> dict[int, float]:
    """A quantity by days since the first one."""
    return {
        (day - FIRST).days: float(number)
        for (name, day, of, its), number in truth_of(tenant).items()
        if (name, of, its) == (quantity, dimension, value)
    }


# --- the world -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tenant", list(VISITED))
def test_visits_are_the_same_with_and_without_what_is_around_them(tenant: str) -> None:
    alone, whole = made(tenant, is_whole=False), the_world(tenant)
    for part in ("events", "deliveries"):
        for name, column in getattr(alone, part).__dict__.items():
            assert np.array_equal(column, getattr(getattr(whole, part), name)), name
    assert not len(alone.around.deliveries)


@pytest.mark.parametrize("tenant", ["equipment"])
def test_the_same_arguments_give_the_same_messages_and_a_later_end_continues_them(tenant: str) -> None:
    earlier = datetime(2026, 3, 29, 2, 30, tzinfo=UTC)
    then, later = arrivals_of(made(tenant, earlier)), the_arrivals(tenant)
    assert then == later[: len(then)]
    assert later[len(then)].received_at >= earlier > then[-1].received_at


@TENANTS
def test_every_event_keeps_its_contract_unless_it_is_planted_as_bad(tenant: str) -> None:
    around, seen = the_world(tenant).around, Counter[str]()
    writer = Writer(the_world(tenant), PLAN.tenants[tenant], PLAN)
    refused = around.deliveries.fault != 0
    for deliveries, is_bad in ((around.deliveries.take(refused), True), (around.deliveries.take(~refused), False)):
        none = the_world(tenant).deliveries.take(np.zeros(0, dtype=np.int64))
        for arrival in writer.everything(none, deliveries):
            assert isinstance(arrival.message, dict)
            judged = judge(PLAN, tenant, arrival.message)
            assert bool(judged.reasons) == is_bad, judged
            assert is_bad or not judged.warnings, judged.warnings
            seen[judged.event or "unknown"] += not is_bad
    assert len(seen) > 15
    assert refused.any()


def test_together_the_businesses_send_every_event_of_the_plan() -> None:
    sent = {event["event"] for tenant in BUSINESSES for event in counted(tenant)[1]}
    assert set(PLAN.events) - sent == {"user_aliased"}


@TENANTS
def test_the_page_lists_what_a_business_sends(tenant: str, root: Path) -> None:
    text = (root / "docs" / "simulator.md").read_text(encoding="utf-8").split("## Events")[1].split("## Truth")[0]
    said = next(line for line in text.splitlines() if line.startswith(f"| `{tenant}` |"))
    listed = set(re.findall(r"`(\w+)`", said)) - {tenant}
    sent = {batch.event for batch in the_world(tenant).around.batches} - {"user_identified"}
    assert sent <= listed <= set(PLAN.events)


@TENANTS
def test_copies_and_late_arrivals_are_among_them(tenant: str) -> None:
    around = the_world(tenant).around
    at = np.concatenate([batch.at for batch in around.batches])[around.deliveries.event]
    assert around.deliveries.copy.any()
    assert (around.deliveries.received - at > 6 * 3_600_000).any()


# --- the truth -------------------------------------------------------------------------------------------------------


@TENANTS
def test_the_truth_around_the_visits_equals_a_plain_count(tenant: str) -> None:
    truth, (sums, _) = truth_of(tenant), counted(tenant)
    wanted = {cell: value for cell, value in truth.items() if cell[0] in COUNTS and (cell[2] == "all" or cell in sums)}
    assert {cell: value for cell, value in sums.items() if truth.get(cell) != value} == {}
    assert {cell: value for cell, value in wanted.items() if sums.get(cell) != value} == {}
    assert {cell[0] for cell in truth} - COUNTS.keys() - PLANNED - RUNNING.keys() <= {"invoices_written_off_amount"}
    for cell in truth:
        by = COUNTS[cell[0]].by if cell[0] in COUNTS else {}
        assert cell[2] not in by or cell in sums, cell


@TENANTS
def test_the_kpis_of_visits_are_the_same_whatever_happens_around_them(tenant: str) -> None:
    truth = {
        (r["kpi"], r["time_grain"], r["period_start"], r["dimension"], r["dimension_value"]): (
            r["numerator"],
            r["denominator"],
        )
        for r in kpi_truth(the_world(tenant)).to_pylist()
    }
    assert truth == recount(the_arrivals(tenant), tenant)


@TENANTS
def test_arrivals_are_counted_with_what_is_around(tenant: str) -> None:
    rows = arrival_truth(the_world(tenant), []).to_pylist()
    by_day = Counter(arrival.received_at.date() for arrival in the_arrivals(tenant))
    assert {row["received_date"]: row["received"] for row in rows} == dict(by_day)


def test_what_takes_two_events_is_counted_as_the_events_have_it() -> None:
    """Times between two events of one thing, on days of which everything has arrived."""
    first: dict[str, datetime] = {}
    hours: dict[str, dict[date, Decimal]] = {"answered": defaultdict(Decimal), "resolved": defaultdict(Decimal)}
    on_time, last = defaultdict[date, int](int), (UNTIL - timedelta(days=3)).date()
    for event in counted("equipment")[1]:
        typed = event["typed"]
        if event["event"] == "ticket_updated" and event["day"] < last:
            if typed["status"] == "opened":
                first[typed["ticket_id"]] = event["at"]
            elif typed["status"] in hours:
                took = Decimal(int((event["at"] - first[typed["ticket_id"]]).total_seconds()))
                hours[typed["status"]][event["day"]] += (took / 3600).quantize(Decimal("0.0001"))
        if event["event"] == "transport_leg_updated" and typed["status"] == "departed":
            planned = typed["planned_at"].replace(tzinfo=UTC)
            on_time[event["day"]] += event["at"] - planned <= timedelta(minutes=15)
    for quantity, found in (
        ("ticket_first_response_hours", hours["answered"]),
        ("ticket_resolution_hours", hours["resolved"]),
        ("departures_on_time", on_time),
    ):
        wanted = {
            day: value for (name, day, of, _), value in truth_of("equipment").items() if (name, of) == (quantity, "all")
        }
        until = last if quantity.startswith("ticket") else date.max
        assert {d: v for d, v in found.items() if v} == {d: v for d, v in wanted.items() if d < until}
        assert found


def test_running_quantities_follow_from_their_movements() -> None:
    level, moves = series("equipment", "tickets_open"), ("opened", "reopened", "resolved")
    opened, reopened, resolved = (sum(series("equipment", f"tickets_{move}").values()) for move in moves)
    assert level[max(level)] == opened + reopened - resolved
    assert len(level) == (UNTIL.date() - FIRST).days + 1 - min(level)
    latest: dict[str, Decimal] = {}
    for event in counted("equipment")[1]:
        if event["event"] == "subscription_changed":
            latest[event["typed"]["subscription_id"]] = event["typed"]["mrr"]
    mrr = sum(latest.values(), Decimal(0))
    assert Decimal(str(max(series("equipment", "mrr_amount").items())[1])) == mrr > 0


def test_bursts_of_clicks_are_as_many_as_were_planted() -> None:
    clicks: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    tenants = ("rentals", "community", "equipment", "travel")
    for event in (event for tenant in tenants for event in counted(tenant)[1]):
        if event["event"] == "element_clicked":
            clicks[event["device"], event["typed"]["element"]].append(event["at"])
    bursts = sum(
        all(later - earlier == timedelta(milliseconds=180) for earlier, later in pairwise(at))
        for times in clicks.values()
        for at in (times[n : n + 5] for n in range(len(times) - 4))
    )
    planted = sum(sum(series(tenant, "rage_bursts").values()) for tenant in tenants)
    assert 0 < planted - 2 <= bursts <= planted  # another click may fall into one


# --- planted facts ---------------------------------------------------------------------------------------------------


def on_and_off(values: dict[int, float], first: int, days: int) -> tuple[float, float]:
    on = [value for day, value in values.items() if first <= day < first + days]
    return mean(on), mean(value for day, value in values.items() if not first <= day < first + days)


def test_incidents_are_in_the_numbers() -> None:
    wave = Tickets(per_day=1).wave
    on, off = on_and_off(series("equipment", "tickets_opened"), wave.first, wave.days)
    assert on > 1.6 * off
    quota = series("travel", "system_sample_sum", "metric", "quota_used_ratio")
    samples = series("travel", "system_samples", "metric", "quota_used_ratio")
    assert [day for day, total in quota.items() if total / samples[day] > 0.8] == [15]
    late = {
        d: n - series("equipment", "departures_on_time").get(d, 0) for d, n in series("equipment", "departures").items()
    }
    strike = sum(late.get(day, 0) for day in (16, 17)) / sum(
        series("equipment", "departures").get(d, 0) for d in (16, 17)
    )
    assert strike > 0.3


def test_an_incident_makes_requests_slow_and_failing() -> None:
    requests = Requests(per_day=100_000.0, service="x")
    shares, latencies = [], []
    for since in (requests.incident.first - 1, requests.incident.first):
        answered, errors = requests.events_of(a_day("travel", since))
        shares.append(len(errors) / len(answered))
        latencies.append(np.mean(np.asarray(answered.properties["latency_ms"])))
    assert shares[0] == pytest.approx(requests.errors, rel=0.5)
    assert shares[1] > 1.6 * shares[0]
    assert latencies[1] > 1.5 * latencies[0]


def test_bookings_dip_on_the_planted_day() -> None:
    travel, until = business_of("travel"), datetime(2026, 3, 26, tzinfo=UTC)
    world = unfold(travel, PLAN.tenants["travel"].time_zone, 5, 6_000, FIRST, until)
    first, days, factor = travel.behaviour.dip
    booked = world.calendar.days(world.events.at[world.events.kind == Kind.BOOKING]) - world.calendar.first
    on, off = on_and_off({int(day): float((booked == day).sum()) for day in np.unique(booked)}, first, days)
    assert factor < 0.5
    assert on < 0.75 * off


def test_a_slump_makes_detractors() -> None:
    surveys = Surveys(per_day=30_000.0, recommendations=0.0)
    shares = []
    for since in (surveys.slump.first - 1, surveys.slump.first):
        (answers,) = surveys.events_of(a_day("travel", since))
        assert len(answers) > 2_000
        shares.append((np.asarray(answers.properties["score"]) <= 6).mean())
    assert shares == [pytest.approx(0.18, abs=0.02), pytest.approx(0.36 / 1.18, abs=0.02)]


def a_day(tenant: str, since: int, spots: Spots | None = None) -> Today:
    """A day for a concern that is looked at alone."""
    world = the_world(tenant)
    market, every = Market.of(world.business, world.listings), np.arange(len(world.people))
    day = FIRST.toordinal() + since
    spots = spots or spots_of(world.events, world.events.at)
    return Today(world.business, 5, day, since, 0, world.people, market, world.events, spots, every[:0], every, {})


def test_demand_follows_the_week() -> None:
    kpis = [r for r in kpi_truth(the_world("equipment")).to_pylist() if r["kpi"] == "sessions"]
    days = {r["period_start"]: r["numerator"] for r in kpis if (r["time_grain"], r["dimension"]) == ("day", "all")}
    weekend = mean(float(n) for day, n in days.items() if day.weekday() >= 5)
    assert weekend < 0.6 * mean(float(n) for day, n in days.items() if day.weekday() < 5)


def test_a_switchback_finds_the_effect_that_a_naive_comparison_overstates() -> None:
    naive, switched = (t for t in business_of("travel").concerns if isinstance(t, Trial) and t.taken)
    assert naive.planted()["naive_lift"] > 2 * naive.planted()["true_lift"]
    assert switched.planted()["naive_lift"] == pytest.approx(switched.planted()["true_lift"])


def test_variants_are_a_share_of_units_and_never_change() -> None:
    units = [str(n) for n in range(20_000)]
    assert abs(is_treated("a", units, 0.3).mean() - 0.3) < 0.01
    assert abs((is_treated("a", units, 0.5) & is_treated("b", units, 0.5)).mean() - 0.25) < 0.01
    variants: dict[tuple[str, str], set[str]] = defaultdict(set)
    for event in counted("travel")[1]:
        if event["event"] == "experiment_exposed":
            typed = event["typed"]
            variants[typed["experiment"], typed.get("unit_id") or event["user"]].add(typed["variant"])
    assert {len(found) for found in variants.values()} == {1}


def test_conversions_rise_by_the_planted_lift() -> None:
    """Many visitors in one day: each variant converts as planted, within four standard errors."""
    trial, count = Trial("x", base=0.2, lift=0.5, taken=0.4, exposes=1.0), 40_000
    zeros = np.zeros(count, dtype=np.int64)
    spots = Spots(zeros, zeros, zeros, zeros + 10_000, zeros + 20_000, np.arange(count), zeros, zeros == 0, zeros)
    exposed, converted = trial.events_of(a_day("travel", 5, spots))
    planted = trial.planted()
    assert planted["true_lift"] == pytest.approx(0.3)
    for variant, rate in (("treatment", 0.3), ("control", 0.2 * (1 - 0.5 * 0.4))):
        size = int((np.asarray(exposed.properties["variant"]) == variant).sum())
        found = int((np.asarray(converted.properties["variant"]) == variant).sum()) / size
        assert abs(found - rate) < 4 * (rate * (1 - rate) / size) ** 0.5
    assert planted["naive_lift"] == pytest.approx(0.3 / 0.16 - 1)


def test_prices_follow_the_planted_process() -> None:
    world, quotes = the_world("travel"), Quotes()
    base = dict(zip((f"route-{n:04d}" for n in range(40)), world.listings.price.tolist(), strict=True))
    errors = []
    for event in counted("travel")[1]:
        if event["event"] == "price_quoted":
            typed = event["typed"]
            departs, lead = typed["depart_date"].toordinal(), (typed["depart_date"] - event["day"]).days
            price = quotes.expected(np.array([base[typed["listing_id"]]]), np.array([departs]), np.array([lead]))
            errors.append(abs(np.log(float(typed["price"]) * 100 / price[0])))
    assert len(errors) > 1_000
    assert 0.01 < mean(errors) < 0.08


def test_amounts_in_foreign_currencies_fit_the_rate_of_the_day() -> None:
    (rates,) = (concern for concern in business_of("equipment").concerns if isinstance(concern, Rates))
    worth = {currency.code: currency for currency in rates.foreign}
    foreign = [e for e in counted("equipment")[1] if e["event"] == "payment_processed" and e["typed"].get("currency")]
    misconverted = 0
    for event in foreign:
        typed, near = event["typed"], event["day"].toordinal()
        found = float(typed["amount"]) / float(typed["original_amount"])
        fits = [worth[typed["currency"]].rate(day) / off for day in (near - 1, near) for off in (1, 1.05)]
        assert any(found == pytest.approx(rate, rel=1e-3) for rate in fits)
        misconverted += not any(found == pytest.approx(rate, rel=1e-2) for rate in fits[::2])
    assert 0 < misconverted < len(foreign) / 2


# --- landing ---------------------------------------------------------------------------------------------------------


def test_a_business_too_small_to_have_what_others_have_is_simulated_too(tmp_path: Path) -> None:
    # Nobody pledges, borrows or joins: what stands at the end of a day has nothing to begin with.
    settings = Settings.for_home(tmp_path)
    simulate(settings, "community", seed=1, users=1, days=1, last_day=date(2026, 4, 4))
    assert (settings.truth / "community_around.parquet").exists()


def test_a_landing_holds_everything_and_its_truth_lies_beside_the_lake(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    given: dict[str, Any] = {"seed": 3, "users": 40, "days": 4, "last_day": date(2026, 4, 4)}
    first = simulate(settings, "equipment", **given)
    entries = [e for kind in ("events", "quarantine") for e in Lake.open(settings, PLAN).entries(kind)]
    assert sum(entry.rows for entry in entries) == first.landed
    assert first.landed == sum(row["received"] for row in pq.read_table(first.arrivals).to_pylist()) > 500
    assert pq.read_table(settings.truth / "equipment_around.parquet").num_rows > 200
    planted = json.loads((settings.truth / "equipment_planted.json").read_text())["planted"]
    assert any(name.startswith("fleet/") and found["strike"]["days"] == 2 for name, found in planted.items())
    assert not simulate(settings, "equipment", **given).is_new
    with pytest.raises(AlmanacError, match="another simulation"):
        simulate(settings, "equipment", **given, is_whole=False)


def test_the_demos_businesses_are_simulated_by_their_visits_unless_it_is_said(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    for tenant in VISITED:
        done = simulate(settings, tenant, users=20, days=2, last_day=date(2026, 4, 4))
        assert not (settings.truth / f"{tenant}_around.parquet").exists()
        assert done.truth.exists()
