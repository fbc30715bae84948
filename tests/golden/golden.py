"""Reading the golden events and expectations, landing them, and reading what a build made of them."""

import csv
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import duckdb
import yaml

from almanac.settings import Settings
from ingestion.envelope import Arrival
from ingestion.lake import Lake

FOLDER = Path(__file__).resolve().parent
LANDINGS = (1, 2, 3, 4)
# What visitors do, and what businesses and their systems tell besides.
NAMES = ("events", "business", "community", "platform", "choices", "ledger", "levels")
EVENTS, BUSINESS, COMMUNITY, PLATFORM, CHOICES, LEDGER, LEVELS = FILES = tuple(f"{name}.yml" for name in NAMES)
EXPECTED = ("expected.csv", *(f"{name}.csv" for name in NAMES[1:]))

Key = tuple[str, str, str, date, str, str]  # tenant, KPI, time grain, period, dimension, its value


class Value(NamedTuple):
    """What `kpi_values` says of one key."""

    numerator: Decimal | None
    denominator: Decimal | None
    value: float | None
    is_complete: bool


Values = dict[Key, Value]


def events(*files: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every golden event of the files (by default of all) with its tenant, in their order."""
    for file in files or FILES:
        for tenant, own in _read(file).items():
            for event in own:
                yield tenant, deepcopy(event)


@cache
def _read(file: str) -> dict[str, list[dict[str, Any]]]:
    content: dict[str, list[dict[str, Any]]] = yaml.safe_load((FOLDER / file).read_text(encoding="utf-8"))
    return content


def land(settings: Settings, *landings: int) -> None:
    """Land the events of these landings, those of one tenant in one go."""
    arrivals: dict[str, list[Arrival]] = {}
    for tenant, event in events():
        if event["landing"] in landings:
            received_at = datetime.fromisoformat(event["received"])
            # What nobody in particular did comes from a file: a client must say who it is.
            is_from_file = not (event.get("user") or event.get("anonymous"))
            arrival = Arrival(received_at, message(event), identity_required=not is_from_file)
            arrivals.setdefault(tenant, []).append(arrival)
    for tenant, own in arrivals.items():
        received = Counter(a.received_at.date() for a in own)
        Lake.open(settings).land(tenant, "web", own, content_hash=f"golden-{landings}", received=received)


def expected() -> Values:
    """The values computed by hand."""
    rows = []
    for name in EXPECTED:
        with (FOLDER / name).open(encoding="utf-8") as file:
            rows += list(csv.DictReader(file))
    values = {
        (r["tenant"], r["kpi"], r["time_grain"], date.fromisoformat(r["period_start"]), r["dimension"],
         r["dimension_value"]): Value(
            Decimal(r["numerator"]) if r["numerator"] else None,
            Decimal(r["denominator"]) if r["denominator"] else None,
            float(r["value"]) if r["value"] else None,
            r["is_complete"] == "yes",
        )
        for r in rows
    }  # fmt: skip
    assert len(values) == len(rows), "an expected row is repeated"
    return values


def expected_hours() -> Values:
    """The hourly values computed by hand; like those of `expected`, with the hour as the period."""
    with (FOLDER / "hourly.csv").open(encoding="utf-8") as file:
        return {
            (r["tenant"], r["kpi"], "hour", datetime.fromisoformat(r["period_start"]), "all", "all"): Value(
                Decimal(r["numerator"]), Decimal(r["denominator"]), float(r["value"]), r["is_complete"] == "yes"
            )
            for r in csv.DictReader(file)
        }


def measured_hours(warehouse: Path) -> Values:
    """The hourly values that a build made."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        rows = con.execute(
            "select tenant, kpi, 'hour', hour_start, 'all', 'all', numerator, denominator, value, is_complete "
            "from kpis.kpi_hourly_values"
        ).fetchall()
    return {tuple(row[:6]): Value(*row[6:]) for row in rows}


def measured(warehouse: Path) -> Values:
    """The values that a build made."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        rows = con.execute(
            "select tenant, kpi, time_grain, period_start, dimension, dimension_value, numerator, denominator, value, "
            "is_complete from kpis.kpi_values"
        ).fetchall()
    values = {tuple(row[:6]): Value(*row[6:]) for row in rows}
    assert len(values) == len(rows), "a row of kpi_values is repeated"
    return values


def differences(found: Values, wanted: Values) -> list[str]:
    """Every missing, unexpected or different row, in words; decimals exactly, the quotient within 1e-12 of itself."""
    lines = [f"missing: {_text(key)}" for key in wanted.keys() - found.keys()]
    lines += [f"not expected: {_text(key)}: {found[key]}" for key in found.keys() - wanted.keys()]
    lines += [
        f"{_text(key)}: found {found[key]}, expected {wanted[key]}"
        for key in found.keys() & wanted.keys()
        if not _same(found[key], wanted[key])
    ]
    return sorted(lines)


def _same(found: Value, wanted: Value) -> bool:
    if found.value is None or wanted.value is None:
        is_close = found.value is wanted.value
    else:
        is_close = abs(found.value - wanted.value) <= 1e-12 * max(1.0, abs(wanted.value))
    return is_close and found._replace(value=None) == wanted._replace(value=None)


def _text(key: Key) -> str:
    return " ".join(map(str, key))


def message(event: dict[str, Any]) -> dict[str, Any]:
    """A golden event as a client would send it."""
    sent = {
        "type": event.get("type", "track"),
        "event": event.get("event"),
        "messageId": str(UUID(int=event["id"])),
        "userId": event.get("user"),
        "groupId": event.get("group"),
        "anonymousId": event.get("anonymous"),
        "timestamp": event["at"],
        "sentAt": event.get("sent"),
        "context": event.get("context"),
        "properties": event.get("properties"),
    }
    return {name: value for name, value in sent.items() if value is not None}
