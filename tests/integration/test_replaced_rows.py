"""The uniqueness tests of an ordinary build look at the rows that it has replaced: one that comes twice still fails it.

By themselves, and after a full refresh, the same tests look at every row.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt.cli.main import dbtRunner

from almanac.build import BuildResult, run_build
from almanac.dbt_parse import base_arguments
from almanac.dbt_worker import close
from almanac.settings import Settings
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from tests.postgres import database
from tests.replay.mutations import Patch, in_macro, in_model
from tests.replay.project import FailingDbt, copy_project, settings_for

READS = ("fact_searches", "fact_user_days")  # with the sessions and events that these are made of
START = datetime(2026, 3, 2, 10, tzinfo=UTC)
# Models whose key is the grain, in the grain, or beside it.
MODELS = ("int_events__keys", "fact_user_days", "fact_events", "fact_sessions", "int_events__in_sessions")
_INSERT = "insert into {{ target_relation }} ({{ columns }}) select {{ columns }} from {{ new_rows }};"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, without the models that nothing here reads."""
    return copy_project(tmp_path_factory.mktemp("project"), is_small=True)


@pytest.fixture
def built(root: Path, tmp_path: Path) -> Iterator[Settings]:
    """A warehouse of one day, and a second one in the lake."""
    yield from _built(settings_for(root, tmp_path))


@pytest.fixture
def built_in_postgres(root: Path, tmp_path: Path, postgres_dsn: str) -> Iterator[Settings]:
    """The same in PostgreSQL."""
    with database(postgres_dsn) as dsn:
        yield from _built(replace(settings_for(root, tmp_path).with_target("postgres"), postgres_dsn=dsn))


def _built(settings: Settings) -> Iterator[Settings]:
    _land(settings, 0)
    assert _build(settings, FailingDbt()).succeeded
    _land(settings, 1)
    yield settings
    close(settings)


@pytest.mark.parametrize("model", MODELS)
def test_rows_that_come_in_twice_fail_the_build(built: Settings, model: str) -> None:
    result = _build(built, FailingDbt(_twice(model)))
    assert not result.full_refresh
    assert _failed(result) == {model}


def test_rows_that_come_in_twice_fail_a_build_in_postgresql(built_in_postgres: Settings) -> None:
    assert _failed(_build(built_in_postgres, FailingDbt(_twice("fact_events")))) == {"fact_events"}


def test_a_view_that_doubles_rows_fails_the_build(built: Settings) -> None:
    twice = in_model("fact_searches", ("where e.event", "cross join (values (1), (2)) as twice(number) where e.event"))
    assert _failed(_build(built, FailingDbt(twice))) == {"fact_searches"}


def test_a_new_row_is_held_against_those_that_stand(built: Settings) -> None:
    """A standing row of another landing has the id of the message that comes in."""
    with duckdb.connect(str(built.warehouse)) as con:
        standing = "user_id = 'u-1' and type = 'page'"
        con.execute(f"update marts.fact_events set message_id = '{_message_id(1, 0)}' where {standing}")
    assert _failed(_build(built, FailingDbt())) == {"fact_events"}


def test_a_build_leaves_rows_that_it_has_not_replaced_to_the_test_by_itself(built: Settings) -> None:
    with duckdb.connect(str(built.warehouse)) as con:
        con.execute("insert into marts.fact_events select * from marts.fact_events where user_id = 'u-1'")
    dbt = FailingDbt()
    assert _build(built, dbt).succeeded
    arguments = ["test", *base_arguments(built), "--select", "fact_events", "--no-write-json"]
    tested: Any = dbtRunner(manifest=dbt.manifest(built)).invoke(arguments)
    failed = [r.node.name for r in tested.result.results if str(r.status) == "fail"]
    assert failed == ["unique_grain_fact_events_tenant__message_id"]


def _twice(model: str) -> Patch:
    """What the model brings in comes in once more."""
    again = "{% if model.name == '" + model + "' %}" + _INSERT + "{% endif %}"
    return in_macro("get_incremental_replace_changed_sql", (_INSERT, _INSERT + again))


def _build(settings: Settings, dbt: FailingDbt) -> BuildResult:
    dbt.data_tests, dbt.for_models = True, READS
    return run_build(settings, runner=dbt)


def _failed(result: BuildResult) -> set[str]:
    """The models whose rows are not unique."""
    failed = [node for node in result.nodes if node.status == "fail"]
    assert all(node.name.startswith("unique_grain_") for node in failed), failed
    return {node.subject for node in failed}


def _land(settings: Settings, day: int) -> None:
    """A user of each day, and one who comes back: each searches once and sees one page."""
    at = START + timedelta(days=day)
    messages = [
        {
            "type": kind,
            "messageId": _message_id(day, row),
            "userId": user,
            "timestamp": at.isoformat(),
            "properties": {"query": "flat"} if kind == "track" else {"path": "/"},
            **({"event": "search_performed"} if kind == "track" else {}),
        }
        for row, (user, kind) in enumerate((u, k) for u in (f"u-{day + 1}", "u-0") for k in ("page", "track"))
    ]
    arrivals = [Arrival(at, message) for message in messages]
    landed = Lake.open(settings).land(
        "rentals", "web", arrivals, content_hash=f"{day:064}", received={at.date(): len(arrivals)}
    )
    assert landed.accepted == len(arrivals)


def _message_id(day: int, row: int) -> str:
    return f"00000000-0000-4000-8000-{day:06}{row:06}"
