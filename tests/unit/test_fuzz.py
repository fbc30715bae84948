"""Fuzzing of everything that reads what others wrote: log files, JSON bodies, CSV and JSON Lines files.

Good inputs are damaged at random, with a fixed seed, for as long as the budget lasts: 20 seconds each in the ordinary
suite, a minute in the deep one. Nothing but the declared errors may come out, and what is accepted must be worth it.
"""

import json
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from almanac.errors import AlmanacError
from ingestion.collector import frames, records
from ingestion.collector.dialects import Found, Request, match
from ingestion.collector.door import Door, Verdict
from ingestion.collector.log_files import load, mend
from ingestion.collector.problems import Problem
from ingestion.envelope import EventRow, to_row
from ingestion.logged_events import LoggedEvents
from ingestion.privacy.cleaning import truncated
from ingestion.sources.delivered import delivered
from ingestion.sources.file_rows import Rows
from ingestion.sources.mapping import Format, Mapping
from ingestion.sources.problems import FileProblem
from ingestion.sources.readers import reader_of
from ingestion.tracking_plan import Reason, load_plan

PLAN = load_plan()
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ID = bytes(range(100, 116))
BUDGETS = [pytest.param(20.0, id="ordinary"), pytest.param(60.0, id="long", marks=pytest.mark.deep)]
WORDS = [
    *(b'"', b"'", b"\\", b",", b";", b":", b"{", b"}", b"[", b"]", b"\n", b"\r\n", b"\t", b" ", b"\0"),
    *(b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xc3\xa9", b"\xf0\x9f\x98\x80", b"\\u0000", b"\\ud800", b"\\u0022"),
    *(b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"9" * 25, b"-0", b"0.1", b"4111111111111111", b"undefined"),
    *(b'"userId":null,', b'"batch":[', b'"properties":{', b"[" * 40, b'{"a":' * 40, b"]" * 40, b"__proto__"),
    b"2026-02-30T00:00:00Z",
]  # fmt: skip


def damaged(seeds: list[bytes], seconds: float) -> Iterator[tuple[bytes, bytes]]:
    """Pairs of a good input and what became of it, for so many seconds; the same ones in every run of that length."""
    chance = random.Random(20261126)
    until = time.monotonic() + seconds
    count = 0
    while time.monotonic() < until:
        seed = chance.choice(seeds)
        data = bytearray(seed)
        for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
            _damage(data, chance)
        count += 1
        yield seed, bytes(data)
    assert count > 20, "nothing was tried"


def outcome(attempt: Callable[[], Any], declared: type[Exception]) -> Any:
    """What an attempt gives, or the declared error that it raises; any other one fails the test."""
    try:
        return attempt()
    except declared as error:
        return error


def _damage(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    until = min(len(data), at + chance.choice((1, 1, 2, 4, 8, 16, 64)))
    kind = chance.randrange(7)
    if kind == 0 and at < len(data):
        data[at] ^= 1 << chance.randrange(8)
    elif kind == 1:
        data[at:until] = b""
    elif kind == 2:
        data[at:at] = chance.choice(WORDS)
    elif kind == 3:
        data[at:until] = chance.choice(WORDS)
    elif kind == 4:
        data[at:at] = data[at:until] * chance.choice((1, 2, 20))
    elif kind == 5:
        del data[at:]
    else:
        data[at:until] = chance.randbytes(until - at)


# --- log files --------------------------------------------------------------------------------------------------------


def log_file(*groups: list[bytes]) -> bytes:
    return frames.header(ID, 1_700_000_000_000_000) + b"".join(frames.frame(ID, group) for group in groups)


OLD_RECORD = records._encode(
    [1, "rentals", "web", NOW, 2, [[b'{"event":"x"}', []], [b"{}", [["userId", "c", "m"]]]], 0]
)
SETTLED = [b'{"context":0}', [], [], 0, 11]
RECORD_OF_2 = records._encode(
    [2, "rentals", "web", NOW, 2, [SETTLED, [b"{}", [["userId", "c", "m"]], []]], 0, "by", [b'{"locale":"de"}']]
)
RECORD = records.encode(
    *("rentals", "web", NOW, 4),
    [
        Verdict(b'{"context":0}', is_settled=True, context=b'{"locale":"de"}', hole=11),
        Verdict(b"x", own=(Reason("userId", "c", "m"),), warnings=("w",)),
        Verdict(b'{"n":1,"context":0}', is_settled=True, context=b'{"locale":"fr"}', hole=17),
        Verdict(b'{"n":2}', is_settled=True),
    ],
    "by",
)
LOGS = [
    log_file(),
    log_file([RECORD]),
    log_file([b"one", b"two" * 50], [RECORD, RECORD], [b"", b"three"]),
    log_file(*([RECORD + bytes([n])] for n in range(12))),
]


@pytest.mark.parametrize("seconds", BUDGETS)
def test_a_damaged_log_never_gives_what_was_not_written_nor_reads_past_a_bad_checksum(
    tmp_path: Path, seconds: float
) -> None:
    written = {seed: frames.scan(seed).records for seed in LOGS}
    path = tmp_path / "wal-1.log"
    for tried, (seed, data) in enumerate(damaged(LOGS, seconds)):
        found = frames.scan(data)
        # A frame that was copied whole is whole; nothing else than frames of this file is ever read.
        assert set(found.records) <= set(written[seed])
        assert found.good + found.torn == found.size == len(data)
        # Up to the place where the bytes differ all is read; from the first bad frame on nothing.
        same = next(
            (at for at, (a, b) in enumerate(zip(seed, data, strict=False)) if a != b), min(len(seed), len(data))
        )
        before = frames.scan(seed[:same]).records
        assert found.records[: len(before)] == before
        assert frames.scan(data[: found.good]).records == found.records
        if tried % 50 == 0:  # through the disk
            path.write_bytes(data)
            loaded = outcome(lambda: load(path).records, AlmanacError)
            assert loaded == found.records or found.torn or found.damaged_at is not None
            mend(tmp_path)
            if path.exists():
                assert load(path).records == found.records


@pytest.mark.parametrize("seconds", [2.0])
def test_a_damaged_record_is_refused_or_has_the_shape_of_one(seconds: float) -> None:
    for _, data in damaged([RECORD, RECORD_OF_2, OLD_RECORD], seconds):
        try:
            record = records.decode(data)
            events = LoggedEvents.of([record])
        except (ValueError, msgspec.MsgspecError):
            continue
        assert record.format in (1, 2, records.FORMAT)
        assert (type(record.tenant), type(record.found)) == (str, int)
        assert len(events) == len(record.events) + len(record.layout) // 12
        assert all(isinstance(event.raw, bytes) for event in events)


# --- JSON bodies ------------------------------------------------------------------------------------------------------

EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Booking Confirmed",
    "userId": "u1",
    "anonymousId": "a1",
    "messageId": "5f0c3a1e-1b2c-4d5e-8f90-a1b2c3d4e5f6",
    "timestamp": "2026-05-01T10:00:00Z",
    "sentAt": "2026-05-01T10:00:01Z",
    "context": {"ip": "203.0.113.77", "page": {"path": "/berlin"}, "consent": {"ads": False}},
    "properties": {"booking_id": "b1", "total": 10.5, "nights": 3, "currency": "EUR", "note": "\u00e9"},
}
BODIES = {
    "/v1/track": [json.dumps(EVENT).encode(), json.dumps(EVENT, ensure_ascii=False, indent=1).encode()],
    "/v1/batch": [json.dumps({"batch": [EVENT, {**EVENT, "event": "x"}, EVENT], "context": {"locale": "de"}}).encode()],
    "/api/analytics/track": [json.dumps(EVENT).encode(), json.dumps({"batch": [EVENT]}).encode()],
    "/batch": [
        json.dumps({"api_key": "k", "batch": [{"event": "x", "distinct_id": "u", "properties": {"a": 1}}]}).encode()
    ],
}


def reader(path: str) -> Callable[[bytes], Found]:
    found = match(path)
    assert found is not None, path

    def read(body: bytes) -> Found:
        read = found.routes["POST"].reader(Request("POST", path, body))
        assert isinstance(read, Found)
        return read

    return read


@pytest.mark.parametrize("seconds", BUDGETS)
def test_a_damaged_body_is_a_problem_or_events_that_the_landing_judges_as_the_door_did(seconds: float) -> None:
    door = Door(PLAN)
    reads = [(reader(path), seed) for path, seeds in BODIES.items() for seed in seeds]
    by_seed = {seed: read for read, seed in reads}
    for seed, data in damaged(list(by_seed), seconds):
        found = outcome(lambda read=by_seed[seed], data=data: read(data), Problem)
        if isinstance(found, Problem):
            assert found.status in (400, 413, 415)
            assert json.loads(found.body())["code"] == found.code
            continue
        verdicts = door.judge(found, "rentals", "web", NOW)
        record = records.decode(records.encode("rentals", "web", NOW, len(found.items), verdicts))
        assert len(verdicts) == record.found == len(LoggedEvents.of([record]))
        for verdict, logged in zip(verdicts, LoggedEvents.of([record]), strict=True):
            row = to_row(PLAN, "rentals", "web", logged.arrival(), origin="f/0")
            assert isinstance(row, EventRow) is not bool(verdict.reasons)
            json.dumps(row, default=str).encode()  # nothing in it that cannot be stored
            if isinstance(row, EventRow):
                # Whatever was accepted is JSON by everybody's rules, is about somebody and obeys its contract.
                assert isinstance(json.loads(verdict.raw, parse_constant=_no_constant), dict)
                assert row.user_id or row.anonymous_id
                assert row.event in PLAN.events
                address = json.loads(row.context or "{}").get("ip")
                assert address is None or truncated(address) == address


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} was accepted")


# --- delivered files --------------------------------------------------------------------------------------------------

COLUMNS = {"id": "string", "at": "instant", "pieces": "integer", "price": "money", "note": "string"}
ROWS: list[dict[str, Any]] = [
    {"id": f"A{n}", "at": f"2026-03-{n:02}T09:30:00Z", "pieces": n, "price": f"{n}.10", "note": note}
    for n, note in enumerate(("tea", "", "with, comma", 'a "quote"', "two\nlines", "\u00e9\u4e2d"), start=1)
]


def quoted(value: Any) -> str:
    return '"' + str(value).replace('"', '""') + '"'


FILES: dict[Format, list[bytes]] = {
    "csv": [
        "\n".join((",".join(COLUMNS), *(",".join(map(quoted, row.values())) for row in ROWS), "")).encode(),
        b"id,at,pieces,price,note\nA1,2026-03-01T09:30:00Z,1,1.10,tea\nA2,2026-03-01T09:30:00Z,2,2.10,milk\n",
    ],
    "jsonl": [
        "".join(json.dumps(row, ensure_ascii=escaped) + "\n" for row in ROWS).encode() for escaped in (True, False)
    ],
}


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
@pytest.mark.parametrize("seconds", BUDGETS)
def test_a_damaged_file_is_named_or_every_value_in_it_is_what_its_column_says(
    tmp_path: Path, file_format: Format, seconds: float
) -> None:
    mapping = Mapping.model_validate(
        {
            "source": "orders",
            "tenant": "rentals",
            "time_zone": "UTC",
            "currency": "EUR",
            "format": file_format,
            "columns": COLUMNS,
            "event": "'booking_confirmed'",
            "event_at": '"at"',
            "properties": {"booking_id": "id", "amount": "price"},
        }
    )
    rows_reader = reader_of(mapping)
    path = tmp_path / f"file.{file_format}"

    def read_file() -> Rows:
        with delivered(path, "utf-8") as file:
            return rows_reader.read(file)

    read = refused = 0
    for _, data in damaged(FILES[file_format], seconds):
        path.write_bytes(data)
        rows = outcome(read_file, FileProblem)
        if isinstance(rows, FileProblem):
            refused += 1
            assert str(rows).startswith(str(path))
            assert len(str(rows)) < 1000
            continue
        read += 1
        # No row from nowhere, none that was cut, and each of its declared types; absent values are None.
        assert rows.count == rows.table.num_rows <= data.count(b"\n") + data.count(b"\r") + 1
        for row in rows.table.to_pylist():
            assert {type(row["pieces"]), type(row["at"])} <= {int, datetime, type(None)}
            json.dumps(row, default=str).encode()
    rows_reader.close()
    assert read
    assert refused
