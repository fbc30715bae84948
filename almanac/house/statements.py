"""One statement in one place: the tracking plan states types and personal data, dbt repeats neither."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from almanac.house.findings import Finding
from almanac.yaml_files import load

MODELS = "dbt_project/models"
ENVELOPE_MODEL = "stg_events"

# What a type of the tracking plan is called in a column contract.
DATA_TYPES = {
    "string": "varchar",
    "integer": "bigint",
    "number": "double precision",
    "money": "decimal(18,4)",
    "currency": "varchar",
    "boolean": "boolean",
    "timestamp": "timestamp",
    "date": "date",
}
_SAME_TYPE = {"text": "varchar", "string": "varchar", "double": "double precision", "float8": "double precision"}


def check_statements(root: Path, plan_types: Mapping[str, str]) -> list[Finding]:
    """Columns that models inherit from the tracking plan must have its type, and say nothing that it says.

    `plan_types` gives the plan's type of each typed column of the lake that it declares.
    """
    findings: list[Finding] = []
    for path, model in _models(root):
        for column in model.get("columns") or []:
            findings += _column(path, model["name"], column, plan_types)
    return findings


def _column(path: str, model: str, column: Mapping[str, Any], plan_types: Mapping[str, str]) -> Iterator[Finding]:
    name, meta = column["name"], {**(column.get("meta") or {}), **((column.get("config") or {}).get("meta") or {})}
    if "pii" in meta:
        yield Finding(path, f"{model}.{name} declares `pii`: that is stated in the tracking plan alone")
    if name not in plan_types:
        return
    if model == ENVELOPE_MODEL:
        yield Finding(path, f"{model}.{name} is a property of the tracking plan: {model} declares the envelope alone")
        return
    wanted, declared = DATA_TYPES[plan_types[name]], _normal(str(column.get("data_type") or ""))
    if declared and declared != wanted:
        yield Finding(path, f"{model}.{name} is {declared}, but the tracking plan says {plan_types[name]} ({wanted})")


def _models(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((root / MODELS).rglob("*.yml")):
        document = load(path.read_text(encoding="utf-8"))
        for model in (document or {}).get("models") or []:
            yield path.relative_to(root).as_posix(), model


def _normal(data_type: str) -> str:
    text = re.sub(r"\s*([(),])\s*", r"\1", " ".join(data_type.lower().split()))
    text = text.replace("numeric(", "decimal(")
    return _SAME_TYPE.get(text, text)
