"""`make demo-break`, `demo-fix`, `demo-replay`: what happens when something goes wrong, tried on the demo's own data.

Break: a day is delivered twice, under new ids, so no id tells. The checks refuse it, and readers keep the numbers they
have. Fix: the second delivery is erased from the lake. Replay: the warehouse is deleted and built from the lake again.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from almanac.build import build_lock, run_build
from almanac.compare import compare
from almanac.dbt_worker import Runner
from almanac.durable import write_text
from almanac.errors import AlmanacError
from almanac.progress import progress
from almanac.settings import Settings
from almanac.versions import current, read_status
from ingestion.lake import Lake
from ingestion.lake_entries import received_on
from ingestion.simulator.again import deliver_again, take_back
from orchestration.daily import run_daily
from orchestration.demo_world import THROUGH_COLLECTOR


def break_it(settings: Settings, runner: Runner | None = None) -> None:
    """Deliver the newest complete day twice and run the job. Raises AlmanacError if that was published."""
    before = current(settings)
    if before is None:
        raise AlmanacError("nothing is published yet: run `make demo` first")
    planted = _planted(settings)
    if planted:
        _say(f"{planted['day']} is delivered twice already; `make demo-fix` takes that back")
    else:
        day = _newest_complete_day(settings)
        # Written down first: the same occasion is the same landing, so it can be taken back whatever happens next.
        planted = {"day": str(day), "occasion": f"{time.time_ns()}"}
        _remember(settings, planted)
        try:
            events, _ = _plant(settings, planted)
        except AlmanacError:
            _record(settings).unlink(missing_ok=True)  # a lake that refuses a landing holds nothing of it
            raise
        _say(f"planted: {day} of {THROUGH_COLLECTOR} was delivered a second time, {events:,} events under new ids")
    _say("running the job `daily`, as every hour ...")
    try:
        version = run_daily(settings, runner)
    except AlmanacError as error:
        _say(f"refused: {error}")
    else:
        raise AlmanacError(f"it was published as {version}: the day is too small to tell (use more USERS)")
    status = read_status(settings)
    now = current(settings)
    if now is None or now.id != before.id:
        raise AlmanacError("readers see another version than before")
    _say(f"readers keep version {before.id}; the portal's banner names what failed: {', '.join(status.failed_checks)}")
    _say("Look:  in the portal at the banner; in Dagster at the asset `arrivals`, tab Checks, with sample rows")
    _say("Heal:  make demo-fix")


def fix_it(settings: Settings, runner: Runner | None = None) -> None:
    """Take back what was planted and run the job. Raises AlmanacError if the run fails."""
    planted = _planted(settings)
    if not planted:
        _say("nothing is planted: `make demo-break` does that")
    else:
        _, landings = _plant(settings, planted)  # nothing happens if it was landed
        take_back(settings, landings)
        _say(f"erased from the lake: the second delivery of {planted['day']}")
    _say("running the job `daily` ...")
    version = run_daily(settings, runner)
    _record(settings).unlink(missing_ok=True)
    _say(f"healed: readers see version {version}, and the banner is gone")


def replay(settings: Settings, runner: Runner | None = None) -> None:
    """Delete the warehouse, build it from the lake and compare. Raises AlmanacError if a row differs."""
    if not settings.warehouse.exists():
        raise AlmanacError("there is no warehouse yet: run `make demo` first")
    with progress("bringing it up to the lake", unit="models and tests") as done:
        first = run_build(settings, runner=runner, on_event=lambda _: done.advance())
    if not first.succeeded:
        raise AlmanacError("the warehouse cannot be built from what is in the lake now: see `almanac build`")
    before = settings.warehouse.with_name("before-replay.duckdb")
    with build_lock(settings):
        _drop_log(settings.warehouse)
        settings.warehouse.replace(before)
    _say(f"deleted: {settings.warehouse.name}, {before.stat().st_size / 2**20:,.0f} MB")
    try:
        with progress("building everything from the lake", unit="models and tests") as done:
            second = run_build(settings, runner=runner, on_event=lambda _: done.advance())
        if not second.succeeded:
            raise AlmanacError(f"it cannot be built again: {second.error}")
        compared = compare(before, settings.warehouse)
    finally:
        if settings.warehouse.exists():
            before.unlink()
        else:
            before.replace(settings.warehouse)
    for name, (gone, new) in compared.differing.items():
        _say(f"{name}: {gone:,} rows only before, {new:,} only after")
    _say(f"{compared.rows:,} rows differ in {len(compared.relations)} relations")
    if compared.rows:
        raise AlmanacError("the replay is not what was there before: please report it")


def _plant(settings: Settings, planted: dict[str, str]) -> tuple[int, list[str]]:
    return deliver_again(settings, THROUGH_COLLECTOR, date.fromisoformat(planted["day"]), planted["occasion"])


def _newest_complete_day(settings: Settings) -> date:
    """The day of arrival before the newest one."""
    days = [received_on(entry) for entry in Lake.open(settings).entries("events") if entry.rows]
    return max(days) - timedelta(days=1)


def _record(settings: Settings) -> Path:
    return settings.home / "demo-planted.json"


def _planted(settings: Settings) -> dict[str, str] | None:
    try:
        found: dict[str, str] = json.loads(_record(settings).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def _remember(settings: Settings, planted: dict[str, str]) -> None:
    write_text(_record(settings), json.dumps(planted) + "\n")


def _drop_log(warehouse: Path) -> None:
    """A closed warehouse has no log; one of a build that was killed belongs to the file that goes."""
    warehouse.with_name(warehouse.name + ".wal").unlink(missing_ok=True)


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


ACTIONS: dict[str, Callable[[Settings], None]] = {"break": break_it, "fix": fix_it, "replay": replay}


def main() -> int:
    """Run one of them; exit code 0 if it went as it says, 1 if not."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.demo_trouble", description=__doc__)
    parser.add_argument("action", choices=list(ACTIONS))
    arguments = parser.parse_args()
    try:
        ACTIONS[arguments.action](Settings.from_env())
    except AlmanacError as error:
        sys.stderr.write(f"Error: {' '.join(str(error).split())}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
