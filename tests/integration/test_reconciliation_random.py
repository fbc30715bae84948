"""Received = accepted + duplicate + quarantined + suppressed + erased, for whatever clients send.

Valid, malformed and repeated messages of two tenants go the collector's own way: routes, door, log, landing, build.
What every day must show is counted beside it, by the test alone.
"""

import asyncio
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import duckdb
import pytest

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.settings import Settings
from almanac.state import hash_id
from ingestion.collector import records
from ingestion.collector.dialects import Found, Request, match
from ingestion.collector.door import Door
from ingestion.collector.land_log import land_file
from ingestion.collector.problems import Problem
from ingestion.collector.wal import Wal
from ingestion.lake import Lake
from ingestion.privacy.erasing import erase, known_by
from ingestion.privacy.suppression import SuppressedPeople
from ingestion.tracking_plan import load_plan

Key = tuple[str, str, date]

SECRET = b"of this test"
SUPPRESSED = "user-13"
ERASED = "user-7"
START = datetime(2026, 3, 1, 22, tzinfo=UTC)
EVENTS = ("search_performed", "listing_viewed", "booking_confirmed", "signup_completed", "Property Viewed", "no such")
ODD: tuple[Any, ...] = (None, "", 0, -1.5, True, [], {}, [1, {"a": None}], "x" * 300, "\x00", "\ud800", 2**70, "NaN")


def message(rng: Random) -> Any:
    """One event: right, nearly right, or not an event at all; ids repeat."""
    if rng.random() < 0.05:
        return rng.choice(ODD)
    found: dict[str, Any] = {
        "type": rng.choice(("track", "track", "track", "page", "identify", "trak")),
        "event": rng.choice(EVENTS),
        "messageId": str(UUID(int=rng.randrange(1, 5_000))),
        "userId": f"user-{rng.randrange(60)}",
        "timestamp": (START - timedelta(minutes=rng.randrange(5_000))).isoformat(),
        "properties": {"booking_id": "b", "amount": rng.choice((1, "2.50", "1.234,5")), "query": "flat"},
    }
    if rng.random() < 0.4:
        name = rng.choice((*found, "anonymousId", "sentAt", "context", "traits"))
        found[name] = rng.choice(ODD)
    if rng.random() < 0.01:
        deep: Any = 1
        for _ in range(40):
            deep = [deep]
        found["properties"] = {"deep": deep, "long": "x" * rng.choice((1, 40_000))}
    return found


def body(rng: Random) -> tuple[str, bytes]:
    """An address and a body; some bodies hold no event that could be told apart."""
    if rng.random() < 0.2:
        path, document = rng.choice(("/v1/track", "/v1/identify", "/v1/page", "/v1/t")), message(rng)
    else:
        path, document = "/v1/batch", {"batch": [message(rng) for _ in range(rng.randrange(1, 80))]}
    # What some clients send for an infinite number, and bodies cut short on the way.
    text = json.dumps(document).replace('"NaN"', "NaN")
    return path, (text[: rng.randrange(len(text) + 1)] if rng.random() < 0.03 else text).encode()


def people(name: str) -> SuppressedPeople:
    """One person of tenant `rentals`, as they are recognised."""
    return SuppressedPeople("rentals", SECRET, frozenset({hash_id(SECRET, "rentals", name)}))


class Sent:
    """Requests as the collector takes them, and what is counted of them beside it."""

    def __init__(self, wal: Wal, seed: int) -> None:
        self.random = Random(seed)
        self.events = 0
        self.received: Counter[Key] = Counter()
        self.suppressed: Counter[Key] = Counter()
        self.quarantined: Counter[Key] = Counter()
        self.refused_erased: Counter[Key] = Counter()
        self.refused_requests = 0
        self._wal = wal
        self._door = Door(load_plan(), {"rentals": people(SUPPRESSED)}.get)
        self._erased = people(ERASED)

    def send(self) -> bytes | None:
        """The record of one more request; None if it was refused as a whole."""
        rng = self.random
        tenant, source = rng.choice(("rentals", "advisory")), rng.choice(("web", "app"))
        received_at = START + timedelta(seconds=rng.randrange(30 * 3600), microseconds=rng.randrange(10**6))
        path, data = body(rng)
        route = match(path)
        assert route is not None
        try:
            found = route.routes["POST"].reader(Request("POST", path, data))
        except Problem:
            self.refused_requests += 1
            return None
        assert isinstance(found, Found)
        key = (tenant, source, received_at.date())
        verdicts = self._door.judge(found, tenant, source, received_at)
        self.events += len(verdicts)
        self.received[key] += len(verdicts)
        self.suppressed[key] += sum(verdict.is_suppressed for verdict in verdicts)
        for item, verdict in zip(found.items, verdicts, strict=True):
            if verdict.reasons and not verdict.is_suppressed:
                gone = self._erased.owns(item.value if isinstance(item.value, dict) else item.raw)
                (self.refused_erased if gone else self.quarantined)[key] += 1
        return records.encode(tenant, source, received_at, len(found.items), verdicts)

    async def write(self, count: int) -> None:
        """Send until `count` events were found, some requests at once."""
        while self.events < count:
            found = [record for _ in range(20) if (record := self.send()) is not None]
            await asyncio.gather(*(self._wal.append(record) for record in found))


@pytest.mark.parametrize(
    ("count", "seed"), [pytest.param(4_000, 1), pytest.param(100_000, 2, marks=pytest.mark.deep)], ids=str
)
def test_every_event_is_accounted_for_exactly(tmp_path: Path, count: int, seed: int) -> None:
    settings = Settings.for_home(tmp_path)
    folder = tmp_path / "log"
    folder.mkdir()
    wal, lake = Wal(folder), Lake.open(settings)
    sent = Sent(wal, seed)
    for part in range(1, 4):
        asyncio.run(sent.write(count * part // 3))
        wal.seal()
        for path in wal.sealed():
            land_file(lake, path)
            land_file(lake, path)  # as after a crash between landing and deleting
            wal.remove(path)
    wal.close()
    for tenant in ("rentals", "advisory"):
        assert erase(lake, tenant, known_by(tenant, [ERASED]), lambda source, table: ()).refused
    result = run_build(settings, runner=WarmDbt(for_models=["mv_daily_arrivals"]))
    assert result.succeeded, [(n.name, n.message) for n in result.failed]
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        rows = con.execute(
            "select tenant, source, received_date, received, accepted, duplicate, quarantined, suppressed, erased,"
            " difference from marts.mv_daily_arrivals"
        ).fetchall()
        ids = con.execute("select count(*), count(distinct (tenant, message_id)) from marts.fact_events").fetchone()
    found = {(tenant, source, day): counts for tenant, source, day, *counts in rows}
    assert {key: counts[0] for key, counts in found.items()} == dict(sent.received)
    assert {key: counts[3] for key, counts in found.items()} == {key: sent.quarantined[key] for key in found}
    assert {key: counts[4] for key, counts in found.items()} == {key: sent.suppressed[key] for key in found}
    assert sum(counts[5] for counts in found.values()) > sent.refused_erased.total() > 0
    assert {counts[-1] for counts in found.values()} == {0}
    assert ids is not None
    assert ids[0] == ids[1] == sum(counts[1] for counts in found.values())
    # Nothing of this is proven by a history in which one of the terms never occurs.
    assert len(found) == 12
    assert all(sum(counts[place] for counts in found.values()) > count / 500 for place in range(6))
    assert sent.refused_requests > 0
