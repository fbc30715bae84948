"""Rows that made a check fail, as a table on Dagster's page."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg


def sample_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Metadata with some of the rows that did not pass; who gives them has masked what may be personal."""
    return {"sample rows": dg.MetadataValue.md(table(list(rows[0]), rows))} if rows else {}


def table(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a Markdown table."""
    lines = ["| " + " | ".join(name.replace("_", " ") for name in names) + " |", "|---" * len(names) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(_short(row[name]) for name in names) + " |" for row in rows)])


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if value < 1 else f"{value:,.0f}"
    return "-" if value is None else str(value).replace("|", "\\|").replace("\n", " ")
