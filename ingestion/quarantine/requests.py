"""Requests that collectors refused as a whole, as they lie in the log folders: no event could be told apart in them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from almanac.errors import AlmanacError
from ingestion.collector.refusals import FILE, FORMER_FILE


@dataclass(frozen=True)
class RefusedRequest:
    """A refused request. `at` is naive UTC, `size` the body's bytes as far as they were read.

    `tenant`, `source` and `excerpt` (the beginning of the body, without secrets) are empty where no write key said
    whose request it was; `folder` is the log folder of the collector that refused it, `written` its line there.
    """

    at: datetime
    tenant: str
    source: str
    path: str
    status: int
    code: str
    message: str
    size: int
    folder: Path
    written: dict[str, Any]

    def document(self) -> dict[str, Any]:
        """The request as a JSON object: what the collector kept of it, and the log folder in which it lies."""
        return {**self.written, "folder": str(self.folder)}


@dataclass(frozen=True)
class RequestChoice:
    """Conditions on refused requests; None is no condition. `since` (inclusive) and `until` (exclusive): naive UTC."""

    tenant: str | None = None
    code: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, request: RefusedRequest) -> bool:
        """Whether a request fulfils all conditions."""
        return (
            (self.tenant is None or request.tenant == self.tenant)
            and (self.code is None or request.code == self.code)
            and (self.since is None or request.at >= self.since)
            and (self.until is None or request.at < self.until)
        )


def newest_requests(folders: Sequence[Path], choice: RequestChoice, limit: int) -> list[RefusedRequest]:
    """The newest `limit` of the refused requests that are meant, newest first, of all log folders together.

    Raises AlmanacError if a folder is not there, or a file in it cannot be read.
    """
    found = [request for folder in folders for request in _kept(folder) if choice.takes(request)]
    found.sort(key=lambda request: request.at)  # of one millisecond: as they were written
    return found[::-1][:limit]


def _kept(folder: Path) -> list[RefusedRequest]:
    """All that a folder keeps, as it was written."""
    if not folder.is_dir():
        raise AlmanacError(
            f"there is no collector's log at {folder}: start one with `almanac collect`, "
            "or name the home of another with --home"
        )
    # The current file first: if it becomes the former one in between, it is read twice and nothing is missed.
    current = list(_lines(folder, folder / FILE))
    former = list(_lines(folder, folder / FORMER_FILE))
    return former if former[: len(current)] == current else [*former, *current]


def _lines(folder: Path, path: Path) -> Iterator[RefusedRequest]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                request = _request(folder, line)
                if request is not None:
                    yield request
    except FileNotFoundError:
        return
    except OSError as error:
        raise AlmanacError(
            f"{path} cannot be read: {error.strerror or error}; see to it, or ask as its owner"
        ) from None


def _request(folder: Path, line: str) -> RefusedRequest | None:
    """The request of a line; None for half a line: a full disk, or one that is being written."""
    try:
        written = json.loads(line)
        return RefusedRequest(
            at=datetime.fromisoformat(written["at"]).astimezone(UTC).replace(tzinfo=None),
            tenant=written.get("tenant", ""),
            source=written.get("source", ""),
            path=written["path"],
            status=written["status"],
            code=written["code"],
            message=written["message"],
            size=written["bytes"],
            folder=folder,
            written=written,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
