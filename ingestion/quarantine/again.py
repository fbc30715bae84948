"""A refused event as an arrival once more, judged by the same rules as if it came today."""

import json
from dataclasses import dataclass, field
from datetime import UTC, date
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from almanac.settings import Settings
from ingestion.collector.dialects import Found, Item
from ingestion.collector.dialects.cloudevents import INVALID
from ingestion.collector.door import OUT_OF_SCOPE, Door
from ingestion.envelope import Arrival, QuarantineRow, to_row
from ingestion.identity import INVALID_CHARACTER, message_id
from ingestion.privacy.suppression import Suppression, load_suppression
from ingestion.quarantine.rows import Refused
from ingestion.sources.mapping import load_mapping, mapping_names
from ingestion.sources.messages import unfit
from ingestion.tracking_plan import Plan, Reason

# What was refused for what is not in the kept payload any more: a CloudEvent that is none is not in the shape that is
# judged here, and bytes and characters that no store can hold were replaced, so the payload may look right.
_NOT_KEPT = frozenset({INVALID, INVALID_CHARACTER, "invalid_encoding", "invalid_json"})
_SUPPRESSED = Reason("", "suppressed", "the event's person is suppressed: nothing of them is stored again")


@dataclass(frozen=True)
class _Origin:
    """Where the events of one source come from: its rows come from files, or over HTTP through the door."""

    is_file: bool = False
    history_from: date | None = None


@dataclass
class Again:
    """Makes arrivals of refused events, by the plan and the file sources of the repository at `root`.

    Nothing of a suppressed person comes in again: such an event is refused as `suppressed`. What a write key might not
    send comes in only if somebody says so (`any_scope`): nobody meant that when they mended the plan.
    """

    plan: Plan
    root: Path
    suppression: Suppression = field(default_factory=Suppression)
    any_scope: bool = False
    _origins: dict[tuple[str, str], _Origin] = field(default_factory=dict)

    @classmethod
    def open(cls, settings: Settings, plan: Plan, *, any_scope: bool = False) -> Self:
        """By the rules of one installation as they are now. Raises AlmanacError if they cannot be read."""
        return cls(plan, settings.root, load_suppression(settings), any_scope)

    def arrival(self, row: Refused) -> Arrival:
        """The event as it came, at the time at which it first came.

        A message without an id gets the one that it would have got then, so that its identity does not depend on when
        it is replayed.
        """
        received_at = row.received_at.replace(tzinfo=UTC)
        is_file = self._origin(row).is_file
        item = Item.of(row.payload.encode())
        people = self.suppression.of(row.tenant)
        own: tuple[Reason, ...] = ()
        noted: tuple[str, ...] = ()
        if people is not None and people.owns(item.value if item.value is not None else item.raw):
            own = (_SUPPRESSED,)
        else:
            kept = _NOT_KEPT if self.any_scope else _NOT_KEPT | {OUT_OF_SCOPE}
            own = tuple(reason for reason in row.reasons if reason.code in kept)
        if item.fault is not None and not own:
            own = (Reason("", item.fault.code, f"the event cannot be read: {item.fault}"),)
        if not isinstance(item.value, dict):
            return Arrival(received_at, item.raw, own, identity_required=not is_file)
        if not own and not is_file:
            # A batch's events are complete: the door only judges what the landing cannot.
            (verdict,) = Door(self.plan).judge(Found([item], is_batch=True), row.tenant, row.source, received_at)
            own, noted = verdict.own, verdict.warnings
        elif not own:
            own = unfit(item.value, len(item.raw))
        message: dict[str, Any] = item.value
        if message.get("messageId") in (None, ""):
            message["messageId"] = str(UUID(bytes=message_id({}, f"{row.place.file_id}/{row.place.row}", [], [])[0]))
        return Arrival(received_at, message, own, identity_required=not is_file, warnings=noted)

    def history_from(self, row: Refused) -> date | None:
        """The local date from which no event of the row's source is too old."""
        return self._origin(row).history_from

    def reasons(self, row: Refused) -> tuple[Reason, ...]:
        """Why the event would be refused today; empty if it would be accepted."""
        judged = to_row(self.plan, row.tenant, row.source, self.arrival(row), self.history_from(row))
        if not isinstance(judged, QuarantineRow):
            return ()
        return tuple(Reason(**reason) for reason in json.loads(judged.reasons))

    def _origin(self, row: Refused) -> _Origin:
        key = (row.tenant, row.source)
        if key not in self._origins:
            self._origins[key] = self._find_origin(*key)
        return self._origins[key]

    def _find_origin(self, tenant: str, source: str) -> _Origin:
        if source in mapping_names(self.root):
            mapping = load_mapping(self.root, source, self.plan)
            if mapping.tenant == tenant:
                return _Origin(True, mapping.history_from)
        return _Origin()
