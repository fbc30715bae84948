"""Whoever watches over an installation sees its collectors: those that run, those in trouble, and one that is gone."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from almanac.doctor import Line
from almanac.doctor_services import collectors
from almanac.settings import Settings
from almanac.state import CollectorSign, StateDB, collector_signs, dump_state, give_sign, open_state
from serving.app import create_app
from tests.integration.collector_process import eventually, running

SIGN = CollectorSign("door-1:/log", "http://10.0.0.1:8088", datetime.min, "", datetime.min, 2, 0, 0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.for_home(tmp_path / "home")


@pytest.fixture
def state(settings: Settings) -> Iterator[StateDB]:
    opened = open_state(settings)
    yield opened
    opened.close()


@pytest.fixture
def sign() -> CollectorSign:
    """What a collector that takes events says now."""
    now = datetime.now(UTC).replace(microsecond=0)
    return replace(SIGN, seen_at=now, since=now)


def only(settings: Settings) -> Line:
    [line] = collectors(settings)
    return line


def test_a_collector_gives_signs_until_it_ends_and_one_that_is_killed_is_missed(
    settings: Settings, state: StateDB
) -> None:
    with running(settings.home) as collector:
        [sign] = eventually(lambda: collector_signs(state))
        assert sign.address == collector.url
        assert sign.place.endswith(f":{settings.log_dir.resolve()}")
        assert (only(settings).verdict, only(settings).since) == ("ok", sign.since)
        collector.kill()
        assert [s.place for s in collector_signs(state)] == [sign.place]
    with running(settings.home) as collector:
        eventually(lambda: [s for s in collector_signs(state) if s.since > sign.since])
        assert collector.stop() == 0
    assert only(settings).seen == "none is running"


def test_a_silent_collector_is_a_failure_in_production_and_a_warning_elsewhere(
    settings: Settings, state: StateDB, sign: CollectorSign
) -> None:
    give_sign(state, replace(sign, seen_at=sign.seen_at - timedelta(minutes=3)))
    line = only(settings)
    assert (line.verdict, line.since) == ("warn", sign.seen_at - timedelta(minutes=3))
    assert "almanac collect" in line.todo
    assert only(replace(settings, environment="production")).verdict == "fail"


def test_the_health_answer_names_each_collector_with_its_trouble_and_since_when(
    settings: Settings, state: StateDB, sign: CollectorSign
) -> None:
    give_sign(state, replace(sign, trouble="storage_full", seen_at=sign.seen_at - timedelta(minutes=1)))
    give_sign(state, replace(sign, trouble="storage_full", since=sign.seen_at + timedelta(seconds=30)))
    give_sign(state, replace(sign, place="door-2:/log", failing_files=3))
    give_sign(state, replace(sign, place="door-3:/log"))
    with TestClient(create_app(settings)) as client:
        parts = client.get("/api/admin/monitoring/health").json()["parts"]
    full, failing, well = [part for part in parts if part["part"] == "collector"]
    assert (full["state"], datetime.fromisoformat(full["since"])) == ("fail", sign.seen_at), (
        "it is so since its first sign"
    )
    assert "storage_full" in full["seen"]
    assert (failing["state"], failing["todo"]) == ("warn", "docs/runbooks/late-data.md")
    assert "3 files of its log cannot be landed" in failing["seen"]
    assert (well["state"], well["todo"]) == ("ok", "")


def test_what_has_been_silent_for_a_week_is_forgotten_and_signs_are_in_no_backup(
    state: StateDB, sign: CollectorSign
) -> None:
    give_sign(state, replace(sign, place="old", seen_at=sign.seen_at - timedelta(days=8)))
    give_sign(state, sign)
    assert [one.place for one in collector_signs(state)] == [sign.place]
    assert b"door-1" not in dump_state(state)
