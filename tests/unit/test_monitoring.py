"""What whoever runs the installation asks the portal."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from almanac.settings import Settings
from almanac.state import Problem, claim, not_delivered, open_state, track
from serving.app import create_app
from tests.serving.published import note, publish

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.for_home(tmp_path)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings)) as made:
        yield made


def health(client: TestClient) -> tuple[str, dict[str, Any]]:
    answer = client.get("/api/admin/monitoring/health")
    assert answer.status_code == 200, answer.text
    return answer.json()["state"], {part["part"]: part for part in answer.json()["parts"]}


def happened(settings: Settings, *spans: tuple[str, datetime, datetime | None]) -> None:
    """Incidents of one subject: the cause, from when, until when."""
    state = open_state(settings)
    for cause, opened, closed in spans:
        problem = Problem("publication", "Numbers are not published", cause, "version 1", "pipeline-failure.md")
        track(state, [problem], ["slack"], opened)
        message = claim(state, ["slack"], opened)
        assert message
        not_delivered(state, message, "Slack answered 500")
        if closed:
            track(state, [], ["slack"], closed)
    state.close()


def test_a_new_installation_has_no_numbers_yet_and_asking_makes_nothing(settings: Settings, client: TestClient) -> None:
    state, parts = health(client)
    assert state == "warn"
    assert parts["published"]["seen"] == "nothing yet"
    assert client.get("/api/admin/monitoring/errors").json() == []
    assert not (settings.home / "state.db").exists()


def test_a_published_version_is_well_since_it_was_published(settings: Settings, client: TestClient) -> None:
    publish(settings)
    note(settings, succeeded=True, attempted_at=NOW)
    _, parts = health(client)
    assert parts["published"]["since"].startswith("2026-11-21T09:15")
    assert parts["incidents"]["state"] == "ok"
    assert {"disk", "state", "locks"} <= parts.keys()


def test_a_failed_attempt_is_told_with_its_checks_and_since_when(settings: Settings, client: TestClient) -> None:
    publish(settings)
    note(settings, succeeded=False, attempted_at=NOW, failed=("rows_are_usual",))
    state, parts = health(client)
    assert (state, parts["published"]["state"]) == ("fail", "fail")
    assert "rows_are_usual" in parts["published"]["seen"]
    assert datetime.fromisoformat(parts["published"]["since"]) == NOW


def test_open_incidents_and_channels_that_fail_are_parts(settings: Settings, client: TestClient) -> None:
    opened = NOW - timedelta(hours=3)
    happened(settings, ("a check", opened, None))
    _, parts = health(client)
    assert parts["incidents"]["seen"] == "1 open: Numbers are not published"
    assert parts["incidents"]["todo"] == "docs/runbooks/pipeline-failure.md"
    assert datetime.fromisoformat(parts["incidents"]["since"]) == opened
    assert parts["channel slack"]["seen"] == "Slack answered 500"


def test_a_wrong_setting_of_a_channel_is_a_part_that_failed_and_holds_no_secret(settings: Settings) -> None:
    wrong = replace(settings, slack_webhook="http://hooks.example.org/a-secret")
    with TestClient(create_app(wrong)) as client:
        state, parts = health(client)
    assert (state, parts["alerts"]["state"]) == ("fail", "fail")
    assert "ALMANAC_SLACK_WEBHOOK_URL" in parts["alerts"]["seen"]
    assert "almanac alerts test" in parts["alerts"]["todo"]
    assert "a-secret" not in str(parts)


def test_failures_are_grouped_by_cause_with_what_is_open_first(settings: Settings, client: TestClient) -> None:
    days = [NOW - timedelta(days=n) for n in range(60)]
    happened(
        settings,
        ("long ago", days[50], days[49]),
        ("disk full", days[9], days[8]),
        ("disk full", days[5], days[4]),
        ("a check", days[3], days[2]),
        ("killed", days[1], None),
    )
    found = client.get("/api/admin/monitoring/errors").json()
    assert [(f["cause"], f["times"], f["is_open"]) for f in found] == [
        ("killed", 1, True), ("a check", 1, False), ("disk full", 2, False),
    ]  # fmt: skip
    assert datetime.fromisoformat(found[2]["first_at"]) == days[9]
    assert len(client.get("/api/admin/monitoring/errors?days=366").json()) == 4
    assert client.get("/api/admin/monitoring/errors?days=0").status_code == 422
