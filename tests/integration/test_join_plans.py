"""No table of a build is made by comparing every row with every other: what a small warehouse hides takes hours later.

DuckDB joins by hash where a condition equals something of one side with something of the other. A condition on one side
alone, beside those in an outer join, makes it compare all pairs of rows: it goes into what is compared instead
(`macros/incremental/events_of_persons.sql`). The statements are those of real builds, with their temporary tables as
they are at that moment.
"""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.settings import Settings
from tests.small_lake import FIRST_DAY, land_day, land_days

ALL_PAIRS = {"BLOCKWISE_NL_JOIN", "NESTED_LOOP_JOIN"}
WRITES = ("CREATE", "INSERT", "DELETE", "UPDATE")
# What is put into a variable is a query, too.
OF_VARIABLE = re.compile(r"set\s+variable\s+\w+\s*=(.*)", re.DOTALL | re.IGNORECASE)
NAMED = re.compile(r'"node_id": "model\.almanac\.([^"]+)"')
JOIN = "and l.booking_id = case when v.is_booking then v.booking_id end"
MISTAKE = "and l.booking_id = v.booking_id and v.is_booking"


class Plans:
    """Looks at the plans of all statements that write, and remembers which models' compare all pairs of rows."""

    def __init__(self) -> None:
        self.looked = 0
        self.all_pairs: set[str] = set()

    def execute(self, cursor: Any, sql: str) -> Any:
        """Execute a text statement by statement, each explained before."""
        named = NAMED.search(sql)
        done = None
        for statement in duckdb.extract_statements(sql):
            query = statement.query
            of_variable = OF_VARIABLE.search(query)
            if of_variable or statement.type.name in WRITES:
                ((_, plan),) = cursor.execute(
                    f"explain (format json) {f'select {of_variable[1]}' if of_variable else query}"
                ).fetchall()
                self.looked += 1
                if ALL_PAIRS & set(_operators(json.loads(plan))):
                    self.all_pairs.add(named[1] if named else query)
            done = cursor.execute(query)
        return done


def _operators(nodes: list[dict[str, Any]]) -> Iterator[str]:
    for node in nodes:
        yield node["name"].strip()
        yield from _operators(node["children"])


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> Plans:
    plans = Plans()
    real = DuckDBCursorWrapper.execute

    def execute(self: DuckDBCursorWrapper, sql: str, bindings: Any = None) -> Any:
        return real(self, sql, bindings) if bindings is not None else plans.execute(self._cursor, sql)

    monkeypatch.setattr(DuckDBCursorWrapper, "execute", execute)
    return plans


@pytest.mark.parametrize("is_planted", [False, True])
def test_no_model_compares_all_pairs_of_rows(tmp_path: Path, plans: Plans, is_planted: bool) -> None:
    """With a mistake planted it is found, in a build of everything and in one of changes."""
    settings = Settings.for_home(tmp_path)
    land_days(settings, 3)
    wrong = ["int_bookings__in_sessions"] if is_planted else []

    def plant(manifest: Any) -> None:
        for name in wrong:
            node = manifest.nodes[f"model.almanac.{name}"]
            assert JOIN in node.raw_code
            node.raw_code = node.raw_code.replace(JOIN, MISTAKE)

    dbt = WarmDbt(plant if is_planted else None, data_tests=False, for_models=wrong)
    assert run_build(settings, runner=dbt).succeeded
    whole = plans.looked
    assert plans.all_pairs == set(wrong)
    plans.all_pairs.clear()
    land_day(settings, FIRST_DAY + timedelta(days=3))
    assert run_build(settings, runner=dbt).succeeded
    assert plans.all_pairs == set(wrong)
    if not is_planted:
        assert whole > 60, "a whole build has a statement a model"
        assert plans.looked > 2 * whole, "a build of changes has several"
