"""The shorter way to compare a model with its contract refuses what dbt refuses, and takes what dbt takes."""

import json
import shutil
from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner

from almanac.dbt_worker import close
from almanac.settings import ROOT, Settings

MACROS = ("cross_db", "incremental", "materializations")
DECLARED = {"name": "varchar", "amount": "decimal(18, 4)", "rating": "double precision", "seen_at": "timestamp"}
MADE = {
    "name": "'a'",
    "amount": "cast(1 as decimal(18,4))",
    "rating": "cast(1 as double)",
    "seen_at": "timestamp '2026-03-02'",
}
# What a model makes in place of `MADE`, and whether it may.
MODELS: dict[str, tuple[dict[str, str | None], bool]] = {
    "right": ({}, True),
    "in_another_order": ({}, True),
    "another_scale": ({"amount": "cast(1 as decimal(18,2))"}, False),
    "another_type": ({"seen_at": "date '2026-03-02'"}, False),
    "lacks_one": ({"rating": None}, False),
    "one_more": ({"more": "1"}, False),
    "another_name": ({"rating": None, "rated": "cast(1 as double)"}, False),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with our macros, a model for each case and one that is incremental."""
    folder = tmp_path_factory.mktemp("contracts")
    for name in MACROS:
        shutil.copytree(ROOT / "dbt_project" / "macros" / name, folder / "macros" / name)
    ours = {"+incremental_strategy": "replace_changed", "+on_schema_change": "fail"}
    config = {"name": "small", "profile": "small", "models": ours}
    output = {"type": "duckdb", "path": str(folder / "small.duckdb"), "threads": 1}
    _write(folder / "dbt_project.yml", config)
    _write(folder / "profiles.yml", {"small": {"target": "dev", "outputs": {"dev": output}}})
    columns = [{"name": name, "data_type": type_} for name, type_ in DECLARED.items()]
    models = [{"name": name, "config": {"contract": {"enforced": True}}, "columns": columns} for name in MODELS]
    _write(folder / "models" / "models.yml", {"models": models})
    for name, (changes, _) in MODELS.items():
        made = {column: sql for column, sql in (MADE | changes).items() if sql is not None}
        if name == "in_another_order":
            made = dict(reversed(MADE.items()))
        (folder / "models" / f"{name}.sql").write_text(
            "select " + ", ".join(f"{sql} as {column}" for column, sql in made.items()), encoding="utf-8"
        )
    return folder


def test_a_model_is_refused_when_its_columns_are_not_those_of_its_contract(project: Path) -> None:
    ran = _run(project, "run")
    assert {name: status == "success" for name, (status, _) in ran.items()} == {
        name: may for name, (_, may) in MODELS.items()
    }
    refused = {name: message for name, (status, message) in ran.items() if status != "success"}
    assert all("This model has an enforced contract that failed" in message for message in refused.values()), refused
    assert "amount" in refused["another_scale"]
    assert "rating" not in refused["another_scale"]


@pytest.mark.parametrize(
    ("column", "may"), [("cast(1 as bigint) as n", True), ("1.5 as n", False), ("cast(1 as bigint) as m", False)]
)
def test_an_incremental_model_is_refused_when_it_makes_other_columns_than_it_has(
    project: Path, column: str, may: bool
) -> None:
    model = project / "models" / "grows.sql"
    config = (
        "{{ config(materialized='incremental', pre_hook='{{ begin_replace_changed() }}', "
        "meta={'incremental': {'key': 'n', 'whole': true}}) }} select "
    )
    for sql, full in (("cast(1 as bigint) as n", True), (column, False)):
        model.write_text(config + sql, encoding="utf-8")
        ran = _run(project, "run", "--select", "grows", *(["--full-refresh"] if full else []))
    model.unlink()
    status, message = ran["grows"]
    assert (status == "success") is may, message
    names = "n" if column.endswith(" n") else "m, n"
    assert may or f"grows makes other columns now than when it was made anew ({names})" in message


def test_an_incremental_model_is_refused_when_its_contract_alone_has_changed(project: Path) -> None:
    model, declared = project / "models" / "kept.sql", project / "models" / "kept.yml"
    model.write_text(
        "{{ config(materialized='incremental', pre_hook='{{ begin_replace_changed() }}', "
        "meta={'incremental': {'key': 'n', 'whole': true}}) }} select cast(1 as bigint) as n",
        encoding="utf-8",
    )
    statuses = []
    for type_, full in (("bigint", True), ("bigint", False), ("varchar", False)):
        column = {"name": "n", "data_type": type_}
        contract = {"name": "kept", "config": {"contract": {"enforced": True}}, "columns": [column]}
        _write(declared, {"models": [contract]})
        statuses.append(_run(project, "run", "--select", "kept", *(["--full-refresh"] if full else []))["kept"])
    model.unlink()
    declared.unlink()
    assert [status for status, _ in statuses] == ["success", "success", "error"]
    assert "This model has an enforced contract that failed" in statuses[-1][1]


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML


def _run(project: Path, *command: str) -> dict[str, tuple[str, str]]:
    """Status and message by model."""
    where = ["--project-dir", str(project), "--profiles-dir", str(project), "--no-partial-parse", "--quiet"]
    try:
        result = dbtRunner().invoke([*command, *where]).result
    finally:
        close(Settings.for_home(project))
    return {run.node.name: (str(run.status), run.message or "") for run in result.results}
