"""The engines' order of cursors is the lake's own, on both of them."""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from jinja2 import Environment

from almanac.settings import ROOT
from ingestion.lake_cursors import normal_cursor
from tests import postgres

CURSORS = [
    "2026-03-01T02:50:00+02:00",
    "2026-03-01 02:10:00+0100",
    "2026-03-01T10:00:00Z",
    "2026-03-01T10:00:00.5Z",
    "2026-03-01T10:00:00.123456-05",
    "2024-02-29T23:59:59.999999Z",
    "2023-02-29T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "0000-00-00T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-03-01T25:00:00Z",
    "2026-03-01T10:00:00",
    "2026-03-01",
    f"{7:020d}",
    "v7",
    "",
]


@pytest.fixture(params=["duckdb", "postgres"])
def ask(request: pytest.FixtureRequest) -> Callable[[str], list[tuple[Any, ...]]]:
    """Answers SQL in which {order} orders the column x."""
    text = (ROOT / "dbt_project" / "macros" / "cross_db" / "cursor_order.sql").read_text()
    macros = Environment(extensions=["jinja2.ext.do"]).from_string(
        text, globals={"return": lambda value: value, "adapter": SimpleNamespace()}
    )
    # Jinja alone has no `return`: what stands around it in the macro of the pattern would be a part of the pattern.
    order = re.sub(r"\s+(?=\^)|(?<=\$)\s+", "", getattr(macros.module, f"{request.param}__cursor_order")("x"))
    if request.param == "duckdb":
        return lambda sql: duckdb.sql("set timezone = 'America/New_York'; " + sql.format(order=order)).fetchall()
    dsn = request.getfixturevalue("postgres_dsn")
    return lambda sql: postgres.execute(dsn, "set timezone = 'America/New_York'; " + sql.format(order=order))


def test_a_cursor_becomes_the_same_text_as_in_the_lake(ask: Callable[[str], list[tuple[Any, ...]]]) -> None:
    values = ", ".join(f"('{cursor}')" for cursor in CURSORS)
    assert dict(ask(f"select x, {{order}} from (values {values}) as t(x)")) == {c: normal_cursor(c) for c in CURSORS}
    assert ask("select {order} from (select cast(null as varchar) as x) as t") == [("",)]
