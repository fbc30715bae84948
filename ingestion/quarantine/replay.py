"""Replaying: refused events are judged again by the plan as it is now, and what passes lands as a new arrival.

A replay is an arrival of its own: received once more, on its own day. The refused row stays, counted on the day on
which it came, and is marked with the landing that replayed it. Message ids are kept, so an event that its client sent
again meanwhile is one event, of which the warehouse keeps the first copy.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ingestion.lake import Lake
from ingestion.quarantine.again import Again
from ingestion.quarantine.choice import Choice
from ingestion.quarantine.rows import Refused, oldest_first
from ingestion.tracking_plan import Reason

PART_ROWS = 20_000  # events of one landing: bounds memory, and what a kill leaves to be done again


@dataclass
class Outcome:
    """What became of the chosen events: how many landed, by which landings, and why the others are still refused."""

    landed: int = 0
    landings: list[str] = field(default_factory=list)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)  # (code, field) of the first reason
    examples: dict[tuple[str, str], str] = field(default_factory=dict)

    def refuse(self, reason: Reason) -> None:
        """Count an event that is still refused, by its first reason."""
        key = (reason.code, reason.field)
        self.refused[key] += 1
        self.examples.setdefault(key, reason.message)


def replay(
    lake: Lake, again: Again, choice: Choice, *, dry_run: bool = False, each: Callable[[int], None] = lambda _: None
) -> Outcome:
    """Replay the chosen events that were not replayed yet; `each` is told how many were judged.

    What passes lands part by part, so that whoever interrupts it can simply do it again. With `dry_run` nothing lands.
    """
    outcome = Outcome()
    for rows in _parts(oldest_first(lake, choice)):
        if dry_run:
            _judge(again, rows, outcome)
        else:
            _land(lake, again, rows, outcome)
        each(len(rows))
    return outcome


def _parts(rows: Iterable[Refused]) -> Iterator[list[Refused]]:
    """The rows by tenant and source, at most PART_ROWS at once, those of one source in their order."""
    waiting: dict[tuple[str, str], list[Refused]] = defaultdict(list)
    for row in rows:
        part = waiting[row.tenant, row.source]
        part.append(row)
        if len(part) >= PART_ROWS:
            yield waiting.pop((row.tenant, row.source))
    yield from waiting.values()


def _judge(again: Again, rows: list[Refused], outcome: Outcome) -> None:
    for row in rows:
        reasons = again.reasons(row)
        if reasons:
            outcome.refuse(reasons[0])
        else:
            outcome.landed += 1


def _land(lake: Lake, again: Again, rows: list[Refused], outcome: Outcome) -> None:
    first = rows[0]
    result = lake.land_again(
        first.tenant,
        first.source,
        [(row.place, again.arrival(row)) for row in rows],
        received_at=datetime.now(UTC),
        history_from=again.history_from(first),
    )
    outcome.landed += len(result.landed)
    if result.file_id is not None:
        outcome.landings.append(str(result.file_id))
    for text in result.refused.values():
        outcome.refuse(Reason(**json.loads(text)[0]))
