"""What the manifest says: the files of the lake, and the commits by which they came."""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

MANIFEST = "manifest"
Kind = Literal["events", "quarantine", "counters", "replays", "tables", "history"]
KINDS: tuple[Kind, ...] = ("events", "quarantine", "counters", "replays", "tables", "history")


@dataclass(frozen=True)
class Entry:
    """One file of the lake.

    `path` is posix and relative to the lake; times are ISO 8601 in UTC without an offset, None where the file has no
    rows or no such column; `parts` maps each landing (`file_id`) in the file to its version: 1 when it landed, above
    that after rows were dropped. `cursor_max` is the greatest cursor of a foreign table's rows.
    """

    kind: Kind
    path: str
    tenant: str
    source: str
    rows: int
    bytes: int
    sha256: str
    received_min: str | None = None
    received_max: str | None = None
    event_min: str | None = None
    event_max: str | None = None
    parts: dict[str, int] = field(default_factory=dict)
    cursor_max: str | None = None


@dataclass(frozen=True)
class Commit:
    """What appears at once: its files, the paths that they replace, and its number if it has one.

    What is replaced is deleted at once, because rows were dropped; or later, if they were kept: `kept_since` (UTC) is
    when a reader could last be told to read it.
    """

    commit: str
    entries: list[Entry]
    replaces: list[str] = field(default_factory=list)
    kept_since: str | None = None
    number: int = 0

    @property
    def document(self) -> str:
        """Where it stands: a numbered commit under its number, any other one under its name."""
        return document_of(f"numbered-{self.number:08}" if self.number else self.commit)


def received_on(entry: Entry) -> date:
    """The day (UTC) on which the rows of a file arrived: a file never holds two."""
    return date.fromisoformat(entry.path.rsplit("received_date=", 1)[1][: len("2026-01-31")])


def document_of(name: str) -> str:
    """The path of a commit document."""
    return f"{MANIFEST}/{name}.json"
