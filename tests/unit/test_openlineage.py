"""What is told of a build, to whom, and that nobody suffers from an endpoint that is not there."""

import logging
import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from almanac.build import run_build
from almanac.dbt_relations import Column, Relation
from almanac.dbt_worker import DbtRun, Node
from almanac.errors import AlmanacError
from almanac.openlineage import sender
from almanac.openlineage.dbt_runs import tell_build
from almanac.openlineage.endpoint import Endpoint
from almanac.openlineage.events import Run
from almanac.openlineage.telling import told
from almanac.settings import Settings
from tests.lineage_endpoint import KEY, Kept, assert_valid, endpoint
from tests.small_lake import FIRST_DAY, land_day

AT = "2026-03-02T10:00:00"
STAGED = Relation("build", "staging", "stg_x", lake=("events",), reads=("source.almanac.ctl.file",))
FACT = Relation(
    "build", "marts", "fact_x", "One row per x.", (Column("x_id", "uuid", "The x."),), ("model.almanac.stg_x",)
)
RELATIONS = {
    "source.almanac.ctl.file": Relation("build", "ctl", "file"),
    "model.almanac.stg_x": STAGED,
    "model.almanac.fact_x": FACT,
}


def model(name: str, status: str | None = "success", message: str = "") -> Node:
    return Node(f"model.almanac.{name}", name, "model", name, "error", status, message, 0.1, AT, AT)


def check(name: str, status: str, severity: str = "error", **more: str) -> Node:
    return Node(f"test.almanac.{name}", name, "test", "fact_x", severity, status, "Got 1 result", 0.1, AT, AT, **more)


class Planned:
    """In the place of dbt: what was planned has happened."""

    def __init__(self, *nodes: Node) -> None:
        self.nodes = list(nodes) or [model("stg_x"), model("fact_x")]

    def build(self, *_: object, **__: object) -> DbtRun:
        return DbtRun(self.nodes, relations=RELATIONS)


def tell(settings: Settings, *nodes: Node, error: str = "") -> None:
    """What a build says around dbt, without a lake."""
    with told(settings, "build") as say:
        say(lambda one: one.begins())
        say(lambda one: tell_build(one, settings, Planned(*nodes).build(), error))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.for_home(tmp_path)


@pytest.fixture
def landed(settings: Settings) -> Settings:
    """With something to build."""
    land_day(settings, FIRST_DAY)
    return settings


@pytest.fixture
def kept() -> Iterator[Kept]:
    with endpoint() as kept:
        yield kept


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "TIMEOUT_SECONDS", 0.2)


def test_without_an_address_nothing_is_sent(landed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr(sender, "sender_to", connect)
    monkeypatch.setattr("almanac.openlineage.telling.sender_to", connect)
    monkeypatch.setattr(socket.socket, "connect", connect)
    assert Settings.from_env({}).openlineage is None
    assert Settings.from_env({"ALMANAC_OPENLINEAGE_URL": "", "ALMANAC_OPENLINEAGE_API_KEY": KEY}).openlineage is None
    assert run_build(landed, runner=Planned()).succeeded


def test_a_build_is_told_from_start_to_end(landed: Settings, kept: Kept) -> None:
    settings, by = landed, Run("almanac", "daily", str(uuid.uuid4()))
    result = run_build(kept.told(settings), runner=Planned(), parent=by)
    for event in kept.events:
        assert_valid(event)
    assert [e["eventType"] for e in kept.of("build")] == ["START", "COMPLETE"]
    [build] = kept.of("build", "COMPLETE")
    assert uuid.UUID(build["run"]["runId"]).hex == result.run_id
    assert build["run"]["facets"]["parent"]["run"]["runId"] == by.id
    [fact] = kept.of("build.fact_x", "COMPLETE")
    assert fact["run"]["facets"]["parent"]["run"]["runId"] == build["run"]["runId"]
    [out] = fact["outputs"]
    assert (out["namespace"], out["name"]) == (f"duckdb://{settings.warehouse}", "build.marts.fact_x")
    assert out["facets"]["schema"]["fields"] == [{"name": "x_id", "type": "uuid", "description": "The x."}]
    assert fact["eventTime"] == "2026-03-02T10:00:00.000Z"
    [staged] = kept.of("build.stg_x", "COMPLETE")
    assert ("file", f"{settings.lake}/events") in [(i["namespace"], i["name"]) for i in staged["inputs"]]
    assert set(kept.requests) == {("/api/v1/lineage", f"Bearer {KEY}")}
    kept.events.clear()
    assert not run_build(kept.told(settings), runner=Planned()).built
    assert kept.events == [], "there was nothing to build"


def test_tests_are_assertions_on_what_they_read(settings: Settings, kept: Kept) -> None:
    tell(
        kept.told(settings),
        model("stg_x"),
        model("fact_x"),
        check("not_null_x", "pass", assertion="not_null", column="x_id"),
        check("it_balances", "fail"),
        check("it_is_usual", "warn", severity="warn"),
        check("it_never_ran", "skipped"),
        error="did not pass: it_balances",
    )
    [tests] = kept.of("build.fact_x.tests", "FAIL")
    assert_valid(tests)
    [tested] = tests["inputs"]
    assert tested["name"] == "build.marts.fact_x"
    assert tested["inputFacets"]["dataQualityAssertions"]["assertions"] == [
        {"assertion": "not_null", "success": True, "severity": "error", "name": "not_null_x", "column": "x_id"},
        {"assertion": "it_balances", "success": False, "severity": "error", "name": "it_balances"},
        {"assertion": "it_is_usual", "success": False, "severity": "warn", "name": "it_is_usual"},
    ]
    [build] = kept.of("build", "FAIL")
    assert "it_balances" in build["run"]["facets"]["errorMessage"]["message"]


def test_a_failed_model_is_a_failed_run_and_one_that_never_ran_is_none(settings: Settings, kept: Kept) -> None:
    tell(kept.told(settings), model("stg_x", "error", "no such\ncolumn"), model("fact_x", "skipped"))
    [failed] = kept.of("build.stg_x", "FAIL")
    assert_valid(failed)
    assert failed["run"]["facets"]["errorMessage"]["message"] == "no such column"
    assert kept.of("build.fact_x") == []


def test_an_error_ends_the_run_as_failed(settings: Settings, kept: Kept) -> None:
    with pytest.raises(OSError, match="words"), told(kept.told(settings), "build"):
        raise OSError("words that nobody knows")
    [build] = kept.of("build", "FAIL")
    assert build["run"]["facets"]["errorMessage"]["message"] == "OSError"


def test_on_postgresql_models_read_the_copies_that_the_build_made(tmp_path: Path, kept: Kept) -> None:
    dsn = "postgresql://someone:secret@db.example:5433/numbers"
    settings = replace(kept.told(Settings.for_home(tmp_path)), target="postgres", postgres_dsn=dsn)
    tell(settings)
    [staged] = kept.of("build.stg_x", "COMPLETE")
    copy = {"namespace": "postgres://db.example:5433", "name": "build.raw.events", "facets": {}}
    assert copy in staged["inputs"]
    [build] = kept.of("build", "COMPLETE")
    assert copy in build["outputs"]
    assert "secret" not in str(kept.events)


class TestAnEndpointThatIsNotWell:
    def warned(self, caplog: pytest.LogCaptureFixture) -> list[str]:
        return [r.getMessage() for r in caplog.records if r.name == "almanac.openlineage"]

    def warning(self, settings: Settings, kept: Kept, caplog: pytest.LogCaptureFixture) -> str:
        """The one line that is said when two runs are told, which names the address and not the key."""
        with caplog.at_level(logging.DEBUG):
            tell(kept.told(settings))
            tell(kept.told(settings))
        [line] = self.warned(caplog)
        assert f"{kept.address}/api/v1/lineage" in line
        assert KEY not in caplog.text
        return line

    def test_a_build_and_a_further_one_go_well_without_it(
        self, landed: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        with socket.socket() as bound:  # a port that is taken, and where nobody listens
            bound.bind(("127.0.0.1", 0))
            address = f"http://127.0.0.1:{bound.getsockname()[1]}"
            told_so = Kept(address=address).told(landed)
            start = time.monotonic()
            assert run_build(told_so, runner=Planned()).succeeded
            assert run_build(told_so, runner=Planned(), full_refresh=True).succeeded
            assert time.monotonic() - start < 60
        [line] = self.warned(caplog)
        assert f"{address}/api/v1/lineage was not reached (ConnectionRefusedError)" in line

    @pytest.mark.usefixtures("impatient")
    def test_it_does_not_answer(self, settings: Settings, kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
        kept.is_silent = True
        assert "was not reached (TimeoutError)" in self.warning(settings, kept, caplog)

    def test_it_refuses(self, settings: Settings, kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
        kept.answer = 401
        assert "answered 401" in self.warning(settings, kept, caplog)

    def test_it_takes_too_long_for_all(
        self, settings: Settings, kept: Kept, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept.is_silent = True
        monkeypatch.setattr(sender, "WAIT_SECONDS", 0.2)
        assert "was too slow" in self.warning(settings, kept, caplog)

    def test_what_cannot_be_told_breaks_nothing(
        self, settings: Settings, kept: Kept, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("almanac.openlineage.dbt_runs._runs", lambda *_: 1 / 0)
        tell(kept.told(settings))
        assert "could not be told" in self.warned(caplog)[0]

    def test_once_it_is_back_it_is_told_again(
        self, settings: Settings, kept: Kept, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sender, "QUIET_SECONDS", 0.0)
        kept.answer = 503
        tell(kept.told(settings))
        kept.answer = 201
        kept.events.clear()
        tell(kept.told(settings))
        assert kept.of("build", "COMPLETE")
        assert len(self.warned(caplog)) == 1


class TestTheAddress:
    def test_a_path_of_its_own_is_kept_and_a_query_is_never_shown(self) -> None:
        one = Endpoint.at("https://lineage.example/v2/events?code=secret", KEY, "almanac")
        assert (one.port, one.target) == (443, "/v2/events?code=secret")
        assert one.shown == "https://lineage.example:443/v2/events"
        assert "secret" not in repr(one)
        assert KEY not in repr(one)
        assert KEY not in repr(replace(Settings.for_home(Path("h")), openlineage=one))

    @pytest.mark.parametrize(
        ("url", "key", "says"),
        [
            ("lineage.example:5000", "", "is no address"),
            ("ftp://lineage.example", "", "is no address"),
            ("http://lineage.example:port", "", "is no address"),
            ("https://someone:secret@lineage.example", "", "holds a user"),
            ("http://lineage.example:5000", "secret", "sent encrypted only"),
            ("https://lineage.example", "secret\nX-Other: 1", "no header may carry"),
        ],
    )
    def test_what_cannot_be_one_is_refused_without_its_secret(self, url: str, key: str, says: str) -> None:
        with pytest.raises(AlmanacError, match=says) as error:
            Settings.from_env({"ALMANAC_OPENLINEAGE_URL": url, "ALMANAC_OPENLINEAGE_API_KEY": key})
        assert "secret" not in str(error.value)

    def test_it_is_read_with_key_and_namespace(self) -> None:
        env = {"ALMANAC_OPENLINEAGE_URL": "http://lineage.example:5000", "ALMANAC_OPENLINEAGE_NAMESPACE": "shop"}
        one = Settings.from_env(env).openlineage
        assert one == Endpoint("lineage.example", 5000, False, "/api/v1/lineage", namespace="shop")
