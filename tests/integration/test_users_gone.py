"""A user who was gone is not, once a visit arrives late; what is built in steps is what a rebuild makes."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.settings import Settings
from ingestion.envelope import Arrival
from ingestion.lake import Lake

FIRST, WEEK, GONE = date(2026, 3, 1), date(2026, 3, 23), date(2026, 3, 29)


def visit(settings: Settings, number: int, user: str, day: date, received: date | None = None) -> None:
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    message = {
        "type": "track",
        "event": "search_performed",
        "messageId": str(UUID(int=number)),
        "userId": user,
        "timestamp": at.isoformat(),
    }
    arrived = at + (received - day if received else timedelta(seconds=1))
    came = Counter([arrived.date()])
    Lake.open(settings).land("rentals", "web", [Arrival(arrived, message)], content_hash=str(number), received=came)


def churn(settings: Settings) -> dict[tuple[str, date], tuple[Any, ...]]:
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        rows = con.execute(
            "select time_grain, period_start, numerator, denominator, is_complete from kpis.kpi_values "
            "where kpi = 'user_churn_rate' and tenant = 'rentals'"
        ).fetchall()
    assert rows
    return {(grain, start): (*sides, is_complete) for grain, start, *sides, is_complete in rows}


def test_a_visit_that_arrives_late_brings_a_user_back_who_was_gone(tmp_path: Path) -> None:
    settings, dbt = Settings.for_home(tmp_path), WarmDbt(data_tests=False, for_models=["kpi_values"])
    visit(settings, 1, "mia", FIRST)
    visit(settings, 2, "tom", FIRST)
    assert run_build(settings, runner=dbt).succeeded
    assert {sides[0] for sides in churn(settings).values()} == {0}
    visit(settings, 3, "tom", date(2026, 3, 31))
    assert run_build(settings, runner=dbt).succeeded
    before = churn(settings)
    assert before["day", GONE] == (2, 2, True)
    assert before["week", WEEK] == (2, 2, False)  # 28 days before the week nothing was told yet
    visit(settings, 4, "mia", date(2026, 3, 20), received=date(2026, 4, 1))
    assert run_build(settings, runner=dbt).succeeded
    after = churn(settings)
    assert after["day", GONE] == (1, 2, True)
    assert after["week", WEEK] == (1, 2, False)
    assert {key for key in before.keys() & after.keys() if before[key] != after[key]} >= {("day", GONE), ("week", WEEK)}
    assert run_build(settings, runner=dbt, full_refresh=True).succeeded
    assert churn(settings) == after
