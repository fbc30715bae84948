"""Users who were there when a period began and are gone at its end, counted plainly from sessions."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import duckdb

from almanac.settings import Settings
from tests.planned_values import Cell, newest_days, start_of

WINDOW = 28


def stayed_away(settings: Settings, grain: str) -> tuple[dict[Cell, Decimal], dict[Cell, Decimal]]:
    """Per period who is gone at its end, or at that of the newest day, and who was there at its beginning."""
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        sessions = con.execute("select tenant, person_id, session_date, ended_date from marts.fact_sessions").fetchall()
    came: dict[str, dict[date, set[str]]] = defaultdict(lambda: defaultdict(set))
    for tenant, person, first, last in sessions:
        for n in range((last - first).days + 1):
            came[tenant][first + timedelta(days=n)].add(person)
    above: dict[Cell, Decimal] = {}
    below: dict[Cell, Decimal] = {}
    for tenant, newest in newest_days(settings).items():
        if tenant not in came:
            continue
        first = min(came[tenant])
        days = [first + timedelta(days=n) for n in range((max(newest, *came[tenant]) - first).days + 1)]
        for start in sorted({start_of(day, grain) for day in days}):
            last = max(day for day in days if start_of(day, grain) == start)
            before = _there(came[tenant], start - timedelta(days=1))
            cell = (tenant, start, "all", "all")
            above[cell] = Decimal(len(before - _there(came[tenant], last)))
            below[cell] = Decimal(len(before))
    return above, below


def _there(came: dict[date, set[str]], day: date) -> set[str]:
    """Who came on the day or on the 27 days before it."""
    return {person for n in range(WINDOW) for person in came.get(day - timedelta(days=n), ())}
