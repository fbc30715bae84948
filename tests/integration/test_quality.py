"""What checks said is remembered: over publications, a refused build between them, and a rebuild of the warehouse."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from almanac import quality
from almanac.build import run_build
from almanac.checks import CheckResult
from almanac.dbt_worker import DbtRun, Node, OnEvent, Runner, WarmDbt
from almanac.errors import AlmanacError
from almanac.publish import gate, publish
from almanac.settings import Settings
from almanac.versions import current
from expectations.docs import docs_page
from tests.small_lake import FIRST_DAY, land_day, messages
from tests.small_project import small_settings

pytestmark = pytest.mark.xdist_group("quality")

DAYS = [datetime(2026, 3, 10 + n, 1, tzinfo=UTC) for n in range(5)]  # of the judgements
HISTORY = 9


class HalfABuild:
    """A build that ends at a test that fails: what comes after it is skipped, and one model was never reached."""

    def build(self, settings: Settings, *, full_refresh: bool, on_event: OnEvent | None = None) -> DbtRun:
        """Say so, and build nothing."""
        said = {"fact_events": "success", "fact_bookings": "fail", "fact_revenue": "skipped", "fact_searches": None}
        return DbtRun(
            [Node(name, name, "model", name, "error", status, f"{status} of {name}") for name, status in said.items()]
        )


@pytest.fixture(scope="module")
def dbt() -> WarmDbt:
    return WarmDbt(data_tests=False)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, dbt: WarmDbt) -> tuple[Settings, list[str], list[CheckResult]]:
    """Published; on the second day refused by an expectation; the third a model fails; on the fourth published again.

    Returns the settings, what readers see after each of these days, and what the gate said on the second.
    """
    settings = small_settings(tmp_path_factory.mktemp("quality"))
    for day in range(HISTORY):
        land(settings, day)
    seen, _ = build_and_publish(settings, dbt, DAYS[0])
    # A day without a row: the one after it says that it is over.
    land(settings, HISTORY + 1)
    kept, refused = build_and_publish(settings, dbt, DAYS[1])
    land(settings, HISTORY)
    assert not run_build(settings, runner=HalfABuild()).succeeded
    still = version_of(settings)
    last, _ = build_and_publish(settings, dbt, DAYS[3])
    return settings, [seen, kept, still, last], refused


def land(settings: Settings, day: int) -> None:
    """A day of more events than chance can keep away."""
    on = FIRST_DAY + timedelta(days=day)
    land_day(settings, on, extra=messages(on, visitors=12, tag="more"))


def build_and_publish(settings: Settings, dbt: Runner, at: datetime) -> tuple[str, list[CheckResult]]:
    """Build, judge at a time, publish if nothing blocks; what readers see then, and what the gate said."""
    assert run_build(settings, runner=dbt).succeeded
    results = gate(settings, at)
    if any(result.blocks for result in results):
        with pytest.raises(AlmanacError, match="not published"):
            publish(settings, results)
    else:
        publish(settings, results)
    return version_of(settings), results


def version_of(settings: Settings) -> str:
    version = current(settings)
    assert version is not None
    return version.id


def published(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    version = current(settings)
    assert version is not None
    with duckdb.connect(str(version.path), read_only=True) as con:
        return con.execute(query).fetchall()


Story = tuple[Settings, list[str], list[CheckResult]]


def test_readers_keep_their_version_on_the_days_of_a_refusal(story: Story) -> None:
    _, seen, refused = story
    assert seen[0] == seen[1] == seen[2] != seen[3]
    assert {(r.subject, r.name) for r in refused if r.blocks} == {("rentals/web", "every_day_is_present")}


def test_the_next_version_shows_the_refusal_and_the_score_of_every_day(story: Story) -> None:
    settings, _, _ = story
    rows = published(
        settings,
        "select day, checks, passed, failed, warned, round(score, 4), failed_checks from data_quality "
        "where subject = 'rentals/web' order by day",
    )
    assert [row[0] for row in rows] == [DAYS[n].date() for n in (0, 1, 3)]
    assert [row[1:6] for row in rows] == [(12, 12, 0, 0, 1.0), (12, 11, 1, 0, round(11 / 12, 4)), (12, 12, 0, 0, 1.0)]
    assert [json.loads(row[6]) for row in rows] == [[], ["every_day_is_present"], []]


def test_a_build_that_failed_is_a_day_of_its_model_and_of_none_that_did_not_run(story: Story) -> None:
    settings, _, _ = story
    failed_on = datetime.now(UTC).date()
    rows = dict(published(settings, f"select subject, failed from data_quality where day = date '{failed_on}'"))
    assert rows["fact_bookings"] == 1
    assert rows["fact_events"] == 0
    assert rows.keys() == {"fact_bookings", "fact_events"}, "nothing else was asked, and no arrivals were judged"


def test_every_failure_has_its_beginning_and_its_end(story: Story) -> None:
    settings, _, _ = story
    found = {f.subject: f for f in quality.remembered(settings).failures if f.is_error}
    silent = found["rentals/web"]
    assert (silent.failed_at, silent.passed_at) == (DAYS[1], DAYS[3])
    assert "no rows on 2026-03-11" in silent.message
    assert found["fact_bookings"].passed_at == DAYS[3]


def test_a_rebuild_of_the_warehouse_changes_nothing_of_it(story: Story, dbt: WarmDbt) -> None:
    settings, _, _ = story
    before = published(settings, "from data_quality order by all")
    settings.warehouse.unlink()
    land(settings, HISTORY + 2)  # without anything new the version would stay the one that it is
    build_and_publish(settings, dbt, DAYS[4])
    after = published(settings, f"from data_quality where day <> date '{DAYS[4].date()}' order by all")
    assert before == after
    assert published(settings, f"select count(*) > 20 from data_quality where day = date '{DAYS[4].date()}'") == [
        (True,)
    ]


def test_the_page_of_expectations_says_what_each_source_met(story: Story) -> None:
    settings, _, _ = story
    page = docs_page(settings).read_text(encoding="utf-8")
    assert '<section id="rentals/web">' in page
    assert "The rows of a day lie within the band of the 14 days before it." in page
    assert "✓ passed" in page
    assert "! warned" in page  # from the other tenant nothing has ever come
    assert '<th scope="row">2026-03-11</th>' in page
    assert "online_retail/online_retail" in page
    assert sorted(f.name for f in docs_page(settings).parent.iterdir()) == [".lock", "index.html", "style.css"]


def test_reading_it_asks_for_no_state_that_is_not_there(tmp_path: Path) -> None:
    assert quality.remembered(small_settings(tmp_path)).days == ()
