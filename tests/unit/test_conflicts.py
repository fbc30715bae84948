"""Copies whose content differs (row 23 of the bad-input catalogue) are listed; copies that are the same are not."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from almanac.errors import AlmanacError
from almanac.settings import Settings
from ingestion.conflicts import conflicts
from ingestion.envelope import Arrival
from ingestion.events_cli import COMMANDS
from ingestion.lake import Lake

FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 12, tzinfo=UTC)


def event(message_id: str, **fields: Any) -> dict[str, Any]:
    search = {"type": "track", "event": "search_performed", "userId": "u1", "properties": {"query": "berlin"}}
    return {**search, "messageId": message_id, "timestamp": "2026-03-01T11:00:00Z", **fields}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings.for_home(tmp_path)
    lake = Lake.open(settings)
    first = [event("same"), event("other-words"), event("other-user"), event("once")]
    later = [
        event("same", sentAt="2026-03-02T12:00:00Z"),
        event("other-words", properties={"query": "paris"}),
        event("other-user", userId="u2", context={"locale": "de"}),
    ]
    for tenant, messages, at in (("rentals", first, FIRST), ("rentals", later, LATER), ("advisory", later, LATER)):
        arrivals = [Arrival(at, message) for message in messages]
        lake.land(tenant, "web", arrivals, content_hash=str(at), received={at.date(): len(arrivals)})
    return settings


def test_only_copies_that_say_something_else_are_listed(settings: Settings) -> None:
    found = conflicts(Lake.open(settings))
    assert [(c.tenant, c.message_id, c.differs, c.ingest_row) for c in found] == [
        ("rentals", "other-words", ("properties",), 1),
        ("rentals", "other-user", ("user_id", "context"), 2),
    ]
    assert {c.received_at for c in found} == {"2026-03-02 12:00:00"}
    lake = Lake.open(settings)
    assert conflicts(lake, "advisory") == []
    assert conflicts(lake, "rentals", date(2026, 3, 2)) == found
    assert conflicts(lake, "rentals", date(2026, 3, 3)) == []


def test_an_empty_lake_has_none(tmp_path: Path) -> None:
    assert conflicts(Lake.open(Settings.for_home(tmp_path))) == []


def test_the_command_lists_them(settings: Settings) -> None:
    env = {"ALMANAC_HOME": str(settings.home)}
    result = CliRunner().invoke(COMMANDS["events"], ["conflicts", "--tenant", "rentals"], env=env)
    assert result.exit_code == 0, result.output
    assert "other-user" in result.output
    assert "user_id, context" in result.output
    result = CliRunner().invoke(COMMANDS["events"], ["conflicts", "--tenant", "advisory"], env=env)
    assert "No copy differs" in result.output


def test_a_tenant_that_nobody_knows_is_named(settings: Settings) -> None:
    done = CliRunner().invoke(
        COMMANDS["events"], ["conflicts", "--tenant", "nobody"], env={"ALMANAC_HOME": str(settings.home)}
    )
    assert isinstance(done.exception, AlmanacError)
    assert "use one of advisory" in str(done.exception)
