"""The drift report on the command line, read from a published version."""

import json
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from almanac.errors import AlmanacError
from ingestion.events_cli import COMMANDS

ROWS = """
    ('rentals', 'search_performed', date '2026-03-09', 'sort', 'new', 'string', null, 40, 9, null),
    ('rentals', 'search_performed', date '2026-03-08', 'query', 'missing', '', 'string', 40, 39, 0.75),
    ('rentals', 'search_performed', date '2026-03-03', 'limit', 'type_changed', 'string', 'integer', 40, 3, 1.0),
    ('advisory', 'listing_viewed', date '2026-03-02', 'fee', 'type_changed', 'object', null, 40, 3, 1.0)
"""


def drift(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(COMMANDS["events"], ["drift", *arguments], env={"ALMANAC_HOME": str(home)})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose published version says what drifted; the last day of arrival is the 9th of March."""
    folder = tmp_path / "versions"
    folder.mkdir()
    with duckdb.connect(str(folder / "v1.duckdb")) as con:
        con.execute(
            "create table mv_daily_drift as select * replace (usual_ratio::double as usual_ratio) from (values"
            + ROWS
            + ") as t(tenant, event, received_date, property,"
            " drift, json_type, declared_type, event_count, drift_count, usual_ratio)"
        )
        con.execute("create table mv_daily_arrivals as select date '2026-03-09' as received_date")
    (folder / "CURRENT").write_text("v1", encoding="utf-8")
    return tmp_path


def test_drift_of_the_last_days_is_listed_newest_first(home: Path) -> None:
    head, *lines = drift(home).output.splitlines()
    assert head.split() == ["day", "(UTC)", "tenant", "event", "property", "drift", "events", "what"]
    assert [line.split()[0] for line in lines] == ["2026-03-09", "2026-03-08", "2026-03-03"]
    assert lines[0].endswith("9 of 40   undeclared, and not seen in the 28 days before: string")
    assert lines[1].endswith("gone, or nearly (usually on 75% of the events)")
    assert lines[2].endswith("came as a type that it did not have before: string, declared integer")
    assert len(drift(home, "--days", "2").output.splitlines()) == 3


def test_a_tenants_drift_alone_and_as_json(home: Path) -> None:
    (line,) = drift(home, "--tenant", "advisory", "--days", "30", "--json").output.splitlines()
    row = json.loads(line)
    assert (row["property"], row["json_type"], row["declared_type"], row["drift_count"]) == ("fee", "object", None, 3)
    assert row["received_date"] == "2026-03-02"
    assert drift(home, "--tenant", "advisory").output == "no drift in the last 7 days of advisory\n"


def test_without_a_published_version_it_says_what_to_do(tmp_path: Path) -> None:
    done = drift(tmp_path)
    assert isinstance(done.exception, AlmanacError)
    assert "almanac build" in str(done.exception)
