"""The facts that are planted in the simulated businesses are in their numbers."""

from collections import defaultdict
from datetime import UTC, datetime
from statistics import mean

import numpy as np
import pytest

from ingestion.simulator.columns import DAY, Kind
from ingestion.simulator.concerns.base import Spots, Today, spots_of
from ingestion.simulator.concerns.care import Surveys, Tickets
from ingestion.simulator.concerns.prices import Quotes
from ingestion.simulator.concerns.rates import Rates
from ingestion.simulator.concerns.telemetry import Requests
from ingestion.simulator.concerns.trials import Trial, is_treated
from ingestion.simulator.engine import unfold
from ingestion.simulator.market import Market
from ingestion.simulator.tenants import business_of
from ingestion.simulator.truth import kpi_truth
from tests.simulated_world import FIRST, PLAN, counted, series, the_world

pytestmark = pytest.mark.xdist_group("simulator_around")  # the worlds are made once


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


@pytest.mark.parametrize(("tenant", "users"), [("rentals", 2_500), ("advisory", 1_500), ("equipment", 1_500)])
def test_a_third_to_a_half_of_the_accepted_inquiries_become_bookings(tenant: str, users: int) -> None:
    zone, until = PLAN.tenants[tenant].time_zone, datetime(2026, 4, 11, tzinfo=UTC)
    world = unfold(business_of(tenant), zone, 5, users, FIRST, until, is_whole=True)
    supplier, events = Market.of(world.business, world.listings).supplier, world.events
    booked = defaultdict(list)
    for row in np.flatnonzero(events.kind == Kind.BOOKING).tolist():
        booked[events.person[row], supplier[events.listing[row]]].append(events.at[row])
    asked, became = {}, []
    for batch in world.around.batches:
        if batch.event == "inquiry_sent":
            ids, whose = batch.properties["inquiry_id"], batch.properties["supplier_id"]
            asked |= dict(zip(ids, zip(batch.person, whose, batch.at, strict=True), strict=True))
        elif batch.event == "inquiry_answered":
            told = zip(batch.properties["inquiry_id"], batch.properties["status"], batch.at, strict=True)
            for person, whose, since, until_ms in (
                (*asked[name], at + 14 * DAY) for name, how, at in told if how == "accepted"
            ):
                became.append(any(since < when <= until_ms for when in booked[person, whose]))
    assert len(became) > 250
    assert 1 / 3 < mean(became) < 1 / 2


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
    spots = Spots(
        zeros, zeros, zeros, zeros + 10_000, zeros + 20_000, np.arange(count), zeros, zeros == 0, zeros, zeros
    )
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


def test_most_people_live_in_the_first_country_and_somebody_in_each() -> None:
    world = the_world("rentals")
    people = np.bincount(world.people.country, minlength=len(world.business.countries))
    assert people.argmax() == 0
    assert 0.25 < people[0] / people.sum() < 0.5
    assert people.all()
