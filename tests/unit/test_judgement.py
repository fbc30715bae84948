"""The gate of a run is asked once for each build."""

from pathlib import Path

import duckdb
import pytest

from almanac.checks import CheckResult
from almanac.errors import AlmanacError
from almanac.settings import Settings
from orchestration import judgement


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings.for_home(tmp_path)
    settings.warehouse.parent.mkdir(parents=True)
    built(settings, "one")
    return settings


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The messages of the gate, one for each time it was asked."""
    said: list[str] = []

    def gate(_: Settings) -> list[CheckResult]:
        said.append(f"answer {len(said) + 1}")
        return [CheckResult("name", "test", "subject", "error", True, said[-1])]

    monkeypatch.setattr(judgement, "gate", gate)
    return said


def built(settings: Settings, run_id: str) -> None:
    with duckdb.connect(settings.warehouse) as warehouse:
        warehouse.execute("create schema if not exists ctl")
        warehouse.execute("create or replace table ctl.state (name varchar, value varchar)")
        warehouse.execute("insert into ctl.state values ('run_id', ?)", [run_id])


def test_what_is_known_is_not_asked_again(settings: Settings, asked: list[str]) -> None:
    one = judgement.Judgement()
    made = one.made(settings)
    assert one.known(settings) == made
    assert asked == ["answer 1"]


def test_nothing_is_known_at_first(settings: Settings, asked: list[str]) -> None:
    [result] = judgement.Judgement().known(settings)
    assert result.message == "answer 1"


def test_another_build_is_judged_anew(settings: Settings, asked: list[str]) -> None:
    one = judgement.Judgement()
    one.made(settings)
    built(settings, "two")
    assert one.known(settings)[0].message == "answer 2"
    assert one.known(settings)[0].message == "answer 2"


def test_asking_for_it_asks_anew(settings: Settings, asked: list[str]) -> None:
    one = judgement.Judgement()
    one.made(settings)
    assert one.made(settings)[0].message == "answer 2"


def test_a_gate_that_could_not_be_asked_is_not_known(
    settings: Settings, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = judgement.Judgement()
    one.made(settings)
    answering = judgement.gate

    def silent(_: Settings) -> list[CheckResult]:
        raise AlmanacError("the state cannot be reached")

    monkeypatch.setattr(judgement, "gate", silent)
    with pytest.raises(AlmanacError):
        one.made(settings)
    monkeypatch.setattr(judgement, "gate", answering)
    assert one.known(settings)[0].message == "answer 2"
