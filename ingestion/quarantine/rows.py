"""Refused events as they lie in the lake, newest or oldest first, each with whether it was replayed."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from almanac.errors import AlmanacError
from ingestion.lake import Lake
from ingestion.lake_manifest import Entry
from ingestion.lake_replays import Place, Replayed
from ingestion.quarantine.choice import Choice
from ingestion.tracking_plan import Reason

_NAME = re.compile(r"(?P<file>[0-9a-f][0-9a-f-]{3,35}):(?P<row>[0-9]{1,18})")


@dataclass(frozen=True)
class Refused:
    """A refused event. `received_at` is naive UTC; `payload` is what came, as text; `replayed` says by what landing."""

    tenant: str
    source: str
    received_at: datetime
    message_id: UUID | None
    event: str | None
    reasons: tuple[Reason, ...]
    payload: str
    place: Place
    replayed: Replayed | None = None

    @property
    def name(self) -> str:
        """What the event is called on the command line: the landing that brought it, and its place there."""
        return f"{self.place.file_id}:{self.place.row}"

    def document(self) -> dict[str, Any]:
        """The event as a JSON object: payload verbatim, all reasons, the first one's parts also by themselves."""
        first = self.reasons[0]
        return {
            "tenant": self.tenant,
            "source": self.source,
            "received_at": _iso(self.received_at),
            "message_id": None if self.message_id is None else str(self.message_id),
            "event": self.event,
            "reasons": [_reason(reason) for reason in self.reasons],
            **_reason(first),
            "payload": self.payload,
            "file_id": str(self.place.file_id),
            "ingest_row": self.place.row,
            "replayed_at": None if self.replayed is None else _iso(self.replayed.at),
            "replayed_by": None if self.replayed is None else str(self.replayed.file_id),
        }


def oldest_first(lake: Lake, choice: Choice) -> Iterator[Refused]:
    """The refused events that are meant, file by file in the order of arrival (files may overlap in time)."""
    replayed = lake.replayed(choice.tenant)
    for entry in sorted(_files(lake, choice), key=lambda entry: (entry.received_min or "", entry.path)):
        yield from _rows(lake, entry, choice, replayed)


def newest(lake: Lake, choice: Choice, limit: int) -> list[Refused]:
    """The newest of the refused events that are meant, newest first."""
    replayed = lake.replayed(choice.tenant)
    found: list[Refused] = []
    for entry in sorted(_files(lake, choice), key=lambda entry: entry.received_max or "", reverse=True):
        # Files overlap in time: stop only where a file ends before the oldest row that is shown.
        if len(found) >= limit and (entry.received_max or "") < _iso(found[-1].received_at):
            break
        found += _rows(lake, entry, choice, replayed)
        found.sort(key=lambda row: (row.received_at, row.place), reverse=True)
        del found[limit:]
    return found


def find(lake: Lake, name: str) -> Refused:
    """The refused event called `<file_id>:<row>`; the beginning of the file's id is enough where it is unambiguous.

    Raises AlmanacError if there is none, or more than one.
    """
    match = _NAME.fullmatch(name.strip().lower())
    if match is None:
        raise AlmanacError(
            f"{name!r} names no refused event: use <file_id>:<row> as `almanac quarantine list` shows it"
        )
    replayed = lake.replayed()
    found = [
        row
        for entry in lake.entries("quarantine")
        if any(part.startswith(match["file"]) for part in entry.parts)
        for row in _rows(lake, entry, Choice(), replayed)
        if row.place.row == int(match["row"]) and str(row.place.file_id).startswith(match["file"])
    ]
    if not found:
        raise AlmanacError(f"no refused event is called {name!r}: see `almanac quarantine list`")
    if len(found) > 1:
        raise AlmanacError(f"{name!r} is ambiguous: it may be {' or '.join(row.name for row in found[:3])}")
    return found[0]


def _files(lake: Lake, choice: Choice) -> list[Entry]:
    return [entry for entry in lake.entries("quarantine") if choice.may_hold(entry)]


def _rows(lake: Lake, entry: Entry, choice: Choice, replayed: dict[Place, Replayed]) -> Iterator[Refused]:
    for row in choice.of(lake.read(entry)).to_pylist():
        place = Place(row["file_id"], row["ingest_row"])
        by = replayed.get(place)
        if choice.replayed is None or choice.replayed == (by is not None):
            reasons = tuple(Reason(**reason) for reason in json.loads(row["reasons"]))
            yield Refused(
                row["tenant"],
                row["source"],
                row["received_at"],
                row["message_id"],
                row["event"],
                reasons,
                row["payload"],
                place,
                by,
            )


def _reason(reason: Reason) -> dict[str, str]:
    return {"field": reason.field, "code": reason.code, "message": reason.message}


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
