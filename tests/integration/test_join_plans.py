"""No statement of a build compares every row with every other: what a small warehouse hides takes hours on a large one.

DuckDB joins by hash where a condition equals something of one side with something of the other. A condition on one side
alone, beside those in an outer join, makes it compare all pairs of rows: it goes into what is compared instead
(`macros/incremental/events_of_persons.sql`). The statements are those of real builds, with their temporary tables as
they are at that moment.
"""

import re
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

ALL_PAIRS = re.compile(r"BLOCKWISE_NL_JOIN|NESTED_LOOP_JOIN")
WRITES = ("CREATE", "INSERT", "DELETE", "UPDATE")
NAMED = re.compile(r'"node_id": "([^"]+)"')


class Plans:
    """Looks at the plans of all statements that write, and remembers whose compare all pairs of rows."""

    def __init__(self) -> None:
        self.looked = 0
        self.all_pairs: set[str] = set()

    def execute(self, cursor: DuckDBCursorWrapper, sql: str) -> Any:
        """Execute a text statement by statement, each explained before."""
        named = NAMED.search(sql)
        done = None
        for statement in duckdb.extract_statements(sql):
            if statement.type.name in WRITES:
                plan = "\n".join(row[1] for row in cursor._cursor.execute(f"explain {statement.query}").fetchall())
                self.looked += 1
                if ALL_PAIRS.search(plan):
                    self.all_pairs.add(named[1] if named else statement.query[:100])
            done = cursor._cursor.execute(statement.query)
        return done


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> Plans:
    plans = Plans()
    real = DuckDBCursorWrapper.execute

    def execute(self: DuckDBCursorWrapper, sql: str, bindings: Any = None) -> Any:
        return real(self, sql, bindings) if bindings is not None else plans.execute(self, sql)

    monkeypatch.setattr(DuckDBCursorWrapper, "execute", execute)
    return plans


def test_no_model_compares_all_pairs_of_rows(tmp_path: Path, plans: Plans) -> None:
    settings = Settings.for_home(tmp_path)
    land_days(settings, 3)
    dbt = WarmDbt(data_tests=False)
    assert run_build(settings, runner=dbt).succeeded
    whole = plans.looked
    land_day(settings, FIRST_DAY + timedelta(days=3))
    assert run_build(settings, runner=dbt).succeeded
    assert whole > 60, "a whole build has a statement a model"
    assert plans.looked > 2 * whole, "a build of changes has several"
    assert not plans.all_pairs
