"""What happens around the visits of the five simulated businesses: contracts, determinism and truth."""

import json
import re
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from almanac.errors import AlmanacError
from almanac.settings import Settings
from ingestion.lake import Lake
from ingestion.simulator import simulate
from ingestion.simulator.columns import DAY
from ingestion.simulator.messages import Writer
from ingestion.simulator.tenants import BUSINESSES, VISITED
from ingestion.simulator.truth import arrival_truth, kpi_truth
from ingestion.simulator.truth_around import RUNNING
from ingestion.simulator.truth_levels import LEVELS
from ingestion.tracking_plan import judge
from tests.recounted import clean, recount
from tests.recounted_around import COUNTS, MOVES, STATES
from tests.recounted_levels import left_at
from tests.simulated_world import (
    PLAN,
    UNTIL,
    arrivals_of,
    counted,
    made,
    series,
    the_arrivals,
    the_world,
    truth_of,
)

pytestmark = pytest.mark.xdist_group("simulator_around")  # the worlds are made once
TENANTS = pytest.mark.parametrize("tenant", list(BUSINESSES))
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


def test_systems_tell_again_under_another_id_what_they_told() -> None:
    told, again = Counter[str](), Counter[str]()
    for tenant in BUSINESSES:
        everything, once = clean(the_arrivals(tenant), tenant), counted(tenant)[1]
        told += Counter(e["event"] for e in everything)
        again += Counter(e["event"] for e in everything) - Counter(e["event"] for e in once)
    assert {"payment_processed", "ticket_updated"} <= again.keys() <= STATES.keys() | MOVES.keys()
    assert 0.005 < again.total() / sum(told[name] for name in STATES | MOVES) < 0.02


# --- the truth -------------------------------------------------------------------------------------------------------


@TENANTS
def test_the_truth_around_the_visits_equals_a_plain_count(tenant: str) -> None:
    truth, (sums, _) = truth_of(tenant), counted(tenant)
    wanted = {cell: value for cell, value in truth.items() if cell[0] in COUNTS and (cell[2] == "all" or cell in sums)}
    assert {cell: value for cell, value in sums.items() if truth.get(cell) != value} == {}
    assert {cell: value for cell, value in wanted.items() if sums.get(cell) != value} == {}
    added_up = COUNTS.keys() | PLANNED | RUNNING.keys() | LEVELS.keys()
    assert {cell[0] for cell in truth} - added_up <= {"invoices_written_off_amount"}
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
    latest: dict[str, Decimal] = {}
    for event in counted("equipment")[1]:
        if event["event"] == "subscription_changed":
            latest[event["typed"]["subscription_id"]] = event["typed"]["mrr"]
    mrr = sum(latest.values(), Decimal(0))
    assert Decimal(str(max(series("equipment", "mrr_amount").items())[1])) == mrr > 0


@pytest.mark.parametrize(
    ("tenant", "quantity"),
    [
        ("equipment", "tickets_open"),
        ("equipment", "invoices_outstanding_amount"),
        ("community", "loans_outstanding_amount"),
    ],
)
def test_what_is_open_or_outstanding_is_what_had_begun_and_not_ended(tenant: str, quantity: str) -> None:
    levels = {day: value for (name, day, _, _), value in truth_of(tenant).items() if name == quantity}
    assert levels == {day: left_at(counted(tenant)[1], quantity, day) for day in levels}
    assert len(levels) == (max(levels) - min(levels)).days + 1
    assert max(levels) == UNTIL.date()
    assert len(set(levels.values())) > 5


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


@pytest.mark.parametrize("tenant", ["advisory", "equipment"])
def test_the_subscriptions_of_the_first_day_are_not_billed_all_at_once(tenant: str) -> None:
    world = made(tenant, UNTIL + timedelta(days=62))
    days = np.concatenate(
        [
            np.asarray(batch.at)[np.asarray(batch.properties["status"], dtype=object) == "issued"] // DAY
            for batch in world.around.batches
            if batch.event == "invoice_updated"
        ]
    )
    days = days[days < int((UNTIL + timedelta(days=60)).timestamp() * 1_000) // DAY]
    per_day = np.bincount(days - days.min())
    assert len(per_day) > 60
    assert per_day.max() <= 4 + 2 * per_day.mean()


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
