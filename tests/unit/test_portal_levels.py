"""A level (how much there is at the end of a period) over a range is that of the last day, wherever it is shown."""

import csv
import io
import json
from collections.abc import Iterator

import duckdb
import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from almanac.cli import cli
from almanac.settings import Settings
from serving.app import create_app
from tests.serving.published import publish

DAYS = {"from": "2026-08-22", "to": "2026-11-21"}  # whole months, and a last day that is not over
LAST, BEFORE = "2026-11-20", "2026-08-21"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A version in which the number of sessions is a level."""
    made = Settings.for_home(tmp_path_factory.mktemp("levels"))
    with duckdb.connect(str(publish(made).path)) as con:
        con.execute("update kpi_catalogue set is_level = true, is_additive = false where kpi = 'sessions'")
    return made


@pytest.fixture(scope="module")
def stored(settings: Settings) -> dict[str, float]:
    """The daily levels of a business, by day."""
    (file,) = settings.versions.glob("*.duckdb")
    with duckdb.connect(str(file), read_only=True) as con:
        rows = con.execute(
            "select period_start::varchar, value from kpi_values where tenant = 'rentals' and kpi = 'sessions'"
            " and time_grain = 'day' and dimension = 'all'"
        ).fetchall()
    return dict(rows)


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings)) as made:
        yield made


def address(path: str) -> str:
    return f"{path}?tenant=rentals&from={DAYS['from']}&to={DAYS['to']}"


def test_the_api_gives_the_last_complete_day_and_the_last_day_of_the_compared_range(
    client: TestClient, stored: dict[str, float]
) -> None:
    found = client.get(address("/api/analytics/kpis/sessions")).json()
    now, old = found["figure"], found["compared"]
    assert (now["from"], now["to"], now["period"], now["value"]) == (LAST, LAST, "day", stored[LAST])
    assert (old["from"], old["period"], old["value"]) == (BEFORE, "day", stored[BEFORE])
    assert found["change"]["formatted"].startswith("+")


def test_a_tile_shows_it_and_says_why(client: TestClient, stored: dict[str, float]) -> None:
    page = client.get(address("/dashboards/overview")).text.replace("\u00a0", " ")
    tile = page.partition('data-card="sessions"')[2].partition("</article>")[0]
    assert f'data-value title="{stored[LAST]:.0f}"' in tile
    assert "<b data-period>20 Nov 2026</b>" in tile
    panel = page.partition('id="why-sessions"')[2].partition("</aside>")[0]
    assert "It is read at the end of a day, so that of the last day is shown." in panel
    assert "largest complete period" not in panel


def test_a_tiles_csv_has_both_days(client: TestClient, stored: dict[str, float]) -> None:
    text = client.get(address("/dashboards/overview/cards/sessions.csv")).text
    rows = [(r["time_grain"], r["period_start"], float(r["value"])) for r in csv.DictReader(io.StringIO(text))]
    assert rows == [("day", LAST, stored[LAST]), ("day", BEFORE, stored[BEFORE])]


def test_the_command_says_the_same(settings: Settings, stored: dict[str, float]) -> None:
    asked = ("kpis", "range", "sessions", "--tenant", "rentals", "--from", DAYS["from"], "--to", DAYS["to"], "--json")
    done = CliRunner().invoke(cli, asked, env={"ALMANAC_HOME": str(settings.home)})
    (found,) = json.loads(done.output)
    assert (found["figure"]["from"], found["figure"]["value"]) == (LAST, stored[LAST])
    assert (found["before"]["from"], found["before"]["value"]) == (BEFORE, stored[BEFORE])


def test_a_version_that_does_not_say_what_is_a_level_still_shows_numbers(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    made = Settings.for_home(tmp_path_factory.mktemp("older"))
    with duckdb.connect(str(publish(made).path)) as con:
        con.execute("alter table kpi_catalogue drop column is_level")
    with TestClient(create_app(made)) as older:
        assert older.get(address("/api/analytics/kpis/active_users")).json()["figure"]["period"] == "month"
