"""How far a tenant's simulation has come: which world it is, and until when its events have been delivered.

Kept beside the ground truth, so that a later run continues the same world instead of landing it a second time.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path

from almanac.durable import write_text
from almanac.errors import AlmanacError
from ingestion.simulator.business import Business


@dataclass(frozen=True)
class Progress:
    """A world and how much of it has been delivered; `until` is an instant in epoch milliseconds (UTC)."""

    seed: int
    users: int
    first_day: date
    until: int = 0  # everything received before it has been landed or sent
    file_ids: tuple[str, ...] = field(default=())  # the landings of the bulk path
    sent: tuple[tuple[int, int], ...] = field(default=())  # from, until: what went through a collector instead
    is_whole: bool = False  # with everything around the visits

    def world(self) -> str:
        """The world in words."""
        whole = ", whole" if self.is_whole else ""
        return f"seed {self.seed}, {self.users} users, from {self.first_day}{whole}"

    def landed(self, file_ids: tuple[str, ...], until: int) -> "Progress":
        """After one more landing."""
        return replace(self, file_ids=self.file_ids + file_ids, until=until)

    def sent_to(self, until: int) -> "Progress":
        """After everything that was left before `until` went through a collector."""
        return replace(self, sent=(*self.sent, (self.until, until)), until=until) if until > self.until else self


def progress_path(truth: Path, business: Business) -> Path:
    """Where the progress of a tenant is kept."""
    return truth / f"{business.tenant}.json"


def read_progress(path: Path) -> Progress | None:
    """The stored progress, or None if nothing has been simulated. AlmanacError if the file is damaged."""
    if not path.exists():
        return None
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return Progress(
            seed=stored["seed"],
            users=stored["users"],
            first_day=date.fromisoformat(stored["first_day"]),
            until=stored["until"],
            file_ids=tuple(stored["file_ids"]),
            sent=tuple((start, end) for start, end in stored["sent"]),
            is_whole=stored.get("is_whole", False),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise AlmanacError(
            f"{path} cannot be read ({error}): delete it together with the lake and simulate anew"
        ) from error


def write_progress(path: Path, progress: Progress) -> None:
    """Store the progress."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(asdict(progress) | {"first_day": progress.first_day.isoformat()}, indent=1) + "\n")
