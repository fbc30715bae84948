"""What a later build plans of the KPIs: the facts that changed and the KPIs that a business has rows for, no others."""

import re
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.engines import open_warehouse
from almanac.settings import Settings
from tests.small_lake import FIRST_DAY, land_day, land_days

NAMED = re.compile(r'"node_id": "model\.almanac\.([^"]+)"')
FACT = re.compile(r"'(fact_\w+|mv_\w+)' as fact")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """All that is said to the database since it was cleared, by model."""
    texts: dict[str, str] = defaultdict(str)
    real = DuckDBCursorWrapper.execute

    def execute(self: DuckDBCursorWrapper, sql: str, bindings: Any = None) -> Any:
        if named := NAMED.search(sql):
            texts[named[1]] += sql
        return real(self, sql, bindings)

    monkeypatch.setattr(DuckDBCursorWrapper, "execute", execute)
    return texts


def test_only_what_changed_is_planned_and_the_first_event_of_a_fact_is_a_change(
    tmp_path: Path, said: dict[str, str]
) -> None:
    settings, dbt = Settings.for_home(tmp_path), WarmDbt(data_tests=False)
    land_days(settings, 2)
    assert run_build(settings, runner=dbt).succeeded
    assert {"fact_sessions", "fact_signups", "fact_pledges"} <= set(FACT.findall(said["kpi_measures"]))
    assert "'signups'" in said["kpi_values"]
    assert "'pledges'" in said["kpi_values"]

    said.clear()
    day = FIRST_DAY + timedelta(days=2)
    signup = {
        "type": "track",
        "event": "signup_completed",
        "messageId": "first-signup",
        "userId": "user-1",
        "timestamp": f"{day}T12:00:00Z",
    }
    land_day(settings, day, extra=[signup])
    assert run_build(settings, runner=dbt).succeeded
    for model in ("kpi_measures", "kpi_daily_measures"):
        planned = set(FACT.findall(said[model]))
        assert {"fact_sessions", "fact_signups"} <= planned
        assert "fact_pledges" not in planned
    assert "'signups'" in said["kpi_values"]
    assert "'pledges'" not in said["kpi_values"]
    with open_warehouse(settings, read_only=True) as engine:
        query = (
            f"select value from kpis.kpi_values where kpi = 'signups' and time_grain = 'day' and period_start = '{day}'"
        )
        assert [float(value) for (value,) in engine.execute(f"{query} and dimension = 'all'")] == [1.0]
