"""Promises about freshness: what counts as broken, what is left of the budget, when it burns, wrong declarations."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from almanac.errors import AlmanacError
from almanac.settings import ROOT, Settings
from almanac.state import Shown, open_state, remember_shown, shown_since
from expectations.cli import quality
from expectations.promises import FILE, Promise, load_promises, standing
from expectations.promises_now import waiting_since
from ingestion.lake_entries import Entry
from serving.monitoring import health

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PROMISE = Promise(
    name="fresh", title="Fresh", owner="data", description="d", max_wait_minutes=60, target=0.9, window_days=10,
    runbook="late-data.md",
)  # fmt: skip


def shown(name: str, at: datetime, waited: timedelta | None = None) -> Shown:
    return Shown(name, at, at - timedelta(minutes=5), at - waited if waited else None)


def test_what_waits_too_long_uses_up_the_budget_and_nothing_else_does() -> None:
    # Ten days, of which one may be bad: a publication that came 13 hours after the oldest arrival in it was 12 h late.
    history = [shown("a", NOW - 240 * HOUR), shown("b", NOW - 100 * HOUR, 13 * HOUR), shown("c", NOW - HOUR, HOUR)]
    found = standing(PROMISE, history, None, NOW)
    assert found.since == NOW - 240 * HOUR
    assert found.share == pytest.approx(1 - 12 / 240)
    assert found.budget_left == pytest.approx(0.5)
    assert (found.broken_since, found.burning) == (None, ())


def test_two_publications_that_were_late_for_the_same_time_count_once() -> None:
    history = [
        shown("a", NOW - 240 * HOUR), shown("b", NOW - 100 * HOUR, 13 * HOUR), shown("c", NOW - 99 * HOUR, 14 * HOUR)
    ]  # fmt: skip
    assert standing(PROMISE, history, None, NOW).share == pytest.approx(1 - 13 / 240)


def test_nothing_is_measured_before_anybody_could_read_anything() -> None:
    nothing = standing(PROMISE, [], NOW - 5 * HOUR, NOW)
    assert (nothing.since, nothing.share, nothing.budget_left, nothing.burning) == (None, None, None, ())
    young = standing(PROMISE, [shown("a", NOW - 2 * HOUR)], None, NOW)
    assert (young.since, young.share) == (NOW - 2 * HOUR, 1.0)


def test_what_waits_now_is_broken_since_its_time_ran_out_and_burns() -> None:
    history = [shown("a", NOW - 240 * HOUR)]
    assert standing(PROMISE, history, NOW - HOUR, NOW).broken_since is None
    found = standing(PROMISE, history, NOW - 5 * HOUR, NOW)
    assert found.broken_since == NOW - 4 * HOUR
    # All of the last hour is bad, ten times as much as planned: less than 14.4, but so were 4 of the last 6 hours.
    assert found.burning == ("6.7 times as fast as planned over 6 hours",)


def test_what_burned_and_is_over_does_not_burn() -> None:
    history = [shown("a", NOW - 240 * HOUR), shown("b", NOW - HOUR, 6 * HOUR)]
    assert standing(PROMISE, history, None, NOW).burning == ()


@given(st.lists(st.tuples(st.integers(1, 300), st.integers(0, 100)), max_size=8), st.integers(0, 50))
def test_shares_stay_between_nothing_and_everything(publications: list[tuple[int, int]], waits: int) -> None:
    history = [
        shown(str(n), NOW - ago * HOUR, waited * HOUR if waited else None)
        for n, (ago, waited) in enumerate(sorted(publications, reverse=True))
    ]
    found = standing(PROMISE, history, NOW - waits * HOUR if waits else None, NOW)
    if found.share is None:
        assert not publications
        return
    assert 0 <= found.share <= 1
    # Sampled by the minute, which needs no merging and no clipping, it is the same.
    starts = [(one.oldest_new_at, one.shown_at) for one in history if one.oldest_new_at]
    starts += [(NOW - waits * HOUR, NOW)] if waits else []
    assert found.since is not None
    hours = int((NOW - found.since) / HOUR)
    bad = sum(any(arrived + HOUR <= found.since + n * HOUR < until for arrived, until in starts) for n in range(hours))
    assert found.share == pytest.approx(1 - bad / hours if hours else 1.0)


def test_what_waits_is_what_arrived_after_the_newest_version() -> None:
    def entry(first: str, last: str) -> Entry:
        return Entry("events", "p", "t", "s", 1, 1, "", received_min=first, received_max=last)

    newest = Shown("a", NOW, datetime(2026, 3, 29, 10, tzinfo=UTC), None)
    old, across = (
        entry("2026-03-29T08:00:00", "2026-03-29T10:00:00"),
        entry("2026-03-29T09:00:00", "2026-03-29T11:00:00"),
    )
    new = entry("2026-03-29T10:30:00.5", "2026-03-29T11:30:00")
    assert waiting_since([old], newest) is None
    assert waiting_since([old, new], newest) == datetime(2026, 3, 29, 10, 30, 0, 500_000, tzinfo=UTC)
    assert waiting_since([new, across], newest) == newest.arrived_until


def test_a_publication_that_is_tried_again_keeps_its_first_time(tmp_path: Path) -> None:
    state = open_state(Settings.for_home(tmp_path))
    first, later = shown("a", NOW, HOUR), shown("b", NOW + HOUR)
    for one in (first, later, shown("a", NOW + 2 * HOUR)):
        remember_shown(state, one)
    assert shown_since(state) == [first, later]
    assert shown_since(state, NOW + timedelta(minutes=1)) == [later]
    state.close()


def test_the_command_and_the_health_say_how_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, now = Settings.for_home(tmp_path), datetime.now(UTC)
    monkeypatch.setenv("ALMANAC_HOME", str(tmp_path))
    assert "not measured" in CliRunner().invoke(quality, ["promises"], catch_exceptions=False).output
    state = open_state(settings)
    remember_shown(state, shown("a", now - 24 * HOUR))
    remember_shown(state, shown("b", now - HOUR, 8 * HOUR))  # of which two were promised: six of 24 hours were bad
    state.close()
    assert "75.00%" in CliRunner().invoke(quality, ["promises"], catch_exceptions=False).output
    told = CliRunner().invoke(quality, ["promises", "--json"], catch_exceptions=False).output
    assert json.loads(told)[0]["share"] == pytest.approx(0.75, abs=0.001)
    [part] = [part for part in health(settings, now).parts if part.part == "promise fresh_numbers"]
    assert part.state == "fail"  # over three days, and over six hours still: the short window ends it later
    assert "kept 75.00% of the time" in part.seen


def test_the_repository_declares_promises() -> None:
    assert load_promises(ROOT)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"target": 99}, "promise fresh: target: Input should be less than 1"),
        ({"max_wait_minutes": 0}, "promise fresh: max_wait_minutes: Input should be greater than 0"),
        ({"colour": "red"}, "promise fresh: colour: Extra inputs"),
        ({"name": None}, "promise number 1: name"),
        ({"runbook": "none.md"}, "promise fresh: runbook: docs/runbooks/none.md does not exist"),
    ],
)
def test_a_wrong_declaration_is_named(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    (tmp_path / "docs" / "runbooks").mkdir(parents=True)
    (tmp_path / "docs" / "runbooks" / "late-data.md").touch()
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text(yaml.safe_dump({"promises": [PROMISE.model_dump() | change]}))
    with pytest.raises(AlmanacError, match=said):
        load_promises(tmp_path)
    (tmp_path / FILE).write_text(yaml.safe_dump({"promises": [PROMISE.model_dump()] * 2}))
    with pytest.raises(AlmanacError, match="promise fresh: name: it is declared twice"):
        load_promises(tmp_path)
    (tmp_path / FILE).write_text("promises: fresh")
    with pytest.raises(AlmanacError, match="must hold a list"):
        load_promises(tmp_path)
