"""KPI history: each publication appends what it changed to the lake, so that a rebuild has the same history."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.errors import AlmanacError
from almanac.publish import publish, rollback
from almanac.serving_store import EVERY_TENANT
from almanac.serving_store.declared import load_declared
from almanac.serving_store.status import look
from almanac.settings import Settings
from almanac.state import open_state, shown_since
from almanac.versions import Version, current, read_status
from expectations.promises_now import waiting_since
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from tests.integration.serving_place import TENANTS, assert_equal, foreign, serving_place
from tests.postgres import execute
from tests.small_lake import FIRST_DAY, PASSED, land_day, land_days
from tests.small_project import small_settings

pytestmark = pytest.mark.xdist_group("history")


@pytest.fixture(scope="module")
def dbt() -> WarmDbt:
    """dbt, parsed once."""
    return WarmDbt(data_tests=False)


@pytest.fixture(scope="module")
def published(dbt: WarmDbt, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, list[Version]]:
    """Three publications: two days, a third day, and late events of the first day."""
    settings = small_settings(tmp_path_factory.mktemp("history"))
    versions = []
    for step in range(3):
        if step == 0:
            land_days(settings, 2)
        else:
            land_day(
                settings, FIRST_DAY + timedelta(days=2) if step == 1 else FIRST_DAY, tag="" if step == 1 else "late"
            )
        assert run_build(settings, runner=dbt).succeeded
        versions.append(publish(settings, PASSED).version)
    return settings, versions


def test_every_table_and_column_of_a_version_says_what_it_holds(published: tuple[Settings, list[Version]]) -> None:
    settings, versions = published
    words = {
        (table, column): comment
        for table, column, comment in _rows(
            versions[-1].path,
            "select table_name, '', comment from duckdb_tables() where not internal "
            "union all select table_name, column_name, comment from duckdb_columns() where not internal",
        )
    }
    assert [name for name, said in words.items() if not said] == []
    file = settings.root / "dbt_project" / "models" / "marts" / "revenue" / "fact_bookings.yml"
    (model,) = yaml.safe_load(file.read_text(encoding="utf-8"))["models"]
    assert words["fact_bookings", ""] == model["description"]
    for column in model["columns"]:
        assert words["fact_bookings", column["name"]] == column["description"]


def test_a_rebuild_has_the_same_history(
    published: tuple[Settings, list[Version]], dbt: WarmDbt, tmp_path: Path
) -> None:
    settings, versions = published
    again = replace(small_settings(tmp_path), lake=settings.lake)
    for own in (settings, again):
        assert run_build(own, runner=dbt, full_refresh=True).succeeded
    query = "from kpis.kpi_history order by all"
    kept, rebuilt = _rows(settings.warehouse, query), _rows(again.warehouse, query)
    assert kept == rebuilt
    assert {row[0] for row in kept} == {version.id for version in versions}
    assert _rows(versions[-1].path, "select * from kpi_history order by all") == kept


def test_each_publication_is_remembered_with_what_waited_longest_for_it(
    published: tuple[Settings, list[Version]],
) -> None:
    settings, versions = published
    state = open_state(settings)
    shown = shown_since(state)
    state.close()
    assert [one.publication_id for one in shown] == [version.id for version in versions]
    assert shown[0].oldest_new_at is None
    for before, after in pairwise(shown):
        if after.oldest_new_at:
            assert before.arrived_until < after.oldest_new_at <= after.arrived_until
    assert any(one.oldest_new_at for one in shown)
    assert waiting_since(Lake.open(settings).entries("events"), shown[-1]) is None


def test_events_that_came_twice_do_not_wait_for_ever(tmp_path: Path, dbt: WarmDbt) -> None:
    settings, lake = small_settings(tmp_path), Lake.open(small_settings(tmp_path))
    message = {
        "type": "page",
        "name": "Home",
        "messageId": "m",
        "anonymousId": "v",
        "timestamp": "2026-03-02T10:00:00Z",
    }
    for hour in (11, 15):
        at = datetime(2026, 3, 2, hour, tzinfo=UTC)
        lake.land("rentals", "web", [Arrival(at, message)], content_hash=f"at {hour}", received=Counter([at.date()]))
    assert run_build(settings, runner=dbt).succeeded
    version = publish(settings, PASSED).version
    state = open_state(settings)
    [shown] = shown_since(state)
    state.close()
    assert shown.publication_id == version.id
    assert shown.arrived_until == datetime(2026, 3, 2, 15, tzinfo=UTC)
    assert waiting_since(lake.entries("events"), shown) is None
    later = datetime(2026, 3, 2, 16, tzinfo=UTC)
    lake.land("rentals", "web", [Arrival(later, message)], content_hash="later", received=Counter([later.date()]))
    assert waiting_since(lake.entries("events"), shown) == later


def test_what_was_shown_as_of_a_publication_is_a_lookup(published: tuple[Settings, list[Version]]) -> None:
    """The newest row of each value up to a publication equals what that version shows."""
    _, versions = published
    for number, version in enumerate(versions):
        ids = [v.id for v in versions[: number + 1]]
        as_of = """
            select tenant, kpi, time_grain, period_start, dimension, dimension_value, numerator, denominator
            from kpi_history where list_contains($ids, publication_id)
            qualify row_number() over (
                partition by tenant, kpi, time_grain, period_start, dimension, dimension_value
                order by list_position($ids, publication_id) desc
            ) = 1 order by all
        """
        shown = """
            select tenant, kpi, time_grain, period_start, dimension, dimension_value, numerator, denominator
            from kpi_values order by all
        """
        assert _rows(versions[-1].path, as_of, {"ids": ids}) == _rows(version.path, shown)


def test_a_restatement_says_why(published: tuple[Settings, list[Version]]) -> None:
    _, versions = published
    restated = _rows(
        versions[-1].path,
        "select cause, numerator from kpi_history where kpi = 'gmv' and time_grain = 'day' and dimension = 'all' "
        f"and tenant = 'rentals' and period_start = date '{FIRST_DAY}' order by published_at, publication_id",
    )
    assert sorted(cause for cause, _ in restated) == ["first", "late_data"]


def test_going_back_and_forth_leaves_the_history_alone(published: tuple[Settings, list[Version]]) -> None:
    settings, versions = published
    before = _rows(versions[-1].path, "select count(*) from kpi_history")
    assert rollback(settings).id == versions[-2].id
    assert rollback(settings, versions[-1].id).id == versions[-1].id
    assert not publish(settings, PASSED).is_new
    assert _rows(versions[-1].path, "select count(*) from kpi_history") == before


def test_postgresql_follows_publications_and_returns_row_for_row(
    published: tuple[Settings, list[Version]], postgres_dsn: str, tmp_path: Path
) -> None:
    settings, versions = published
    newest, before = versions[-1].id, versions[-2].id
    with serving_place(postgres_dsn, tmp_path) as place:
        away = replace(settings, serving_dsn="postgresql://almanac:s3cret@127.0.0.1:1/away")
        with pytest.raises(AlmanacError, match=rf"PostgreSQL was not brought to version {newest}, which the portal"):
            publish(away, PASSED)
        assert not read_status(settings).succeeded
        assert "s3cret" not in read_status(settings).reason

        serving = replace(settings, serving_dsn=place.settings.serving_dsn)
        place = replace(place, settings=serving)
        readers = {tenant: place.let_in(tenant, tenant) for tenant in TENANTS}
        everything = place.let_in("operator", EVERY_TENANT)
        publication = publish(serving, PASSED)
        assert publication.serving
        assert (publication.is_new, publication.serving.is_new) == (False, True)
        assert read_status(settings).succeeded
        assert_equal(serving, newest, everything)
        uncommented = (
            "select relname from pg_class where relkind = 'r' and relnamespace = 'published'::regnamespace "
            "and obj_description(oid) is null"
        )
        assert execute(place.admin, uncommented) == []
        counted = "select tablename::text, count(*) from pg_indexes where schemaname = 'published' group by 1"
        declared = load_declared(settings.root).indexes
        assert dict(execute(place.admin, counted)) == {name: len(indexes) for name, indexes in declared.items()}

        assert rollback(serving).id == before
        assert look(serving).served == before
        assert_equal(serving, before, everything)
        with pytest.raises(AlmanacError, match="PostgreSQL was not brought to version"):
            rollback(away, newest)
        assert [v.id if (v := current(settings)) else None, look(serving).served] == [newest, before]
        assert rollback(serving, newest).id == look(serving).served == newest

        for tenant, reader in readers.items():
            readable, leaks = foreign(reader, tenant)
            assert leaks == []
            assert {"published.fact_events", "published.dim_date", "published.publication"} <= set(readable)
            assert "published.check_results" not in readable
            assert execute(reader, "select distinct tenant from published.fact_events") == [(tenant,)]
        assert look(serving).problems == []


def _rows(database: Path, query: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as con:
        return con.execute(query, parameters or {}).fetchall()
