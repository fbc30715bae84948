"""One more day by hand: `python -m benchmarks.side day HOME THREADS`, after the models have built that day.

The statements are those of `hand/`, so that both kinds of days are made alike: events, sessions and user days are
made of the day and its visitors alone and put in place (`hand/day.sql`), everything else is made anew from them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.tables import PREFIX

DAY_SQL = Path(__file__).with_name("hand") / "day.sql"
# Statements of `hand/` in their order, and what each reads and makes of one day.
_OF_DAY = {
    "half_hours": (("from fact_events as e", "from changed_events as e"), ("table half_hours", "table day_half_hours")),
    "fact_sessions": (("from half_hours", "from day_half_hours"), ("table fact_sessions", "temp table day_sessions")),
    "fact_user_days": (
        ("from fact_sessions", "from day_sessions"),
        ("table fact_user_days", "temp table day_user_days"),
    ),
}
_MADE = re.compile(r"create (temp )?table (\w+)")


def statements(whole: list[str], day_files: str, all_files: str) -> Iterator[tuple[str, str]]:
    """(Table that it is for, statement), in order; `*_files` is what the view lake_events reads.

    `whole` are the statements of `hand/`.
    """
    parts = _parts()
    own = {made[2]: statement for statement in whole if (made := _MADE.search(statement))}
    yield "losers", f"create or replace temp view lake_events as {day_files}"
    yield "losers", parts["losers"]
    of_day = own["fact_events"].replace("table fact_events", "temp table day_facts")
    yield "fact_events", of_day.replace("anti join losers", "anti join day_losers")
    yield "fact_events", parts["events"]
    yield "identities", "create temp table old_identities as from identities"
    yield "identities", own["identities"].replace("create table", "create or replace table")
    yield "fact_sessions", f"create or replace temp view lake_events as {all_files}"
    yield "fact_sessions", parts["sessions"]
    for name, changes in _OF_DAY.items():
        statement = own[name]
        for before, after in changes:
            if before not in statement:
                raise ValueError(f"benchmarks/hand: the statement of {name} has no {before!r} any more")
            statement = statement.replace(before, after)
        yield name, statement
    yield "fact_sessions", parts["merge"]
    for statement in whole:
        made = _MADE.search(statement)
        if made is None or made[2] not in {"losers", "fact_events", "identities", *_OF_DAY}:
            yield (
                made[2] if made else "",
                re.sub(r"^create ", "create or replace ", statement.lstrip(), flags=re.MULTILINE),
            )


def run(con: Any, whole: list[str], day_files: str, all_files: str, clock: Any) -> dict[str, Any]:
    """Run them all; returns what each table took."""
    tables: dict[str, Any] = {}
    before = clock.took()
    for name, statement in statements(whole, day_files, all_files):
        con.execute(statement)
        now = clock.took()
        if name:
            took = now - before
            tables[PREFIX + name] = tables[PREFIX + name].plus(took) if PREFIX + name in tables else took
        before = now
    return tables


def _parts() -> dict[str, str]:
    found = re.split(r"^-- part (\w+)$", DAY_SQL.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))
