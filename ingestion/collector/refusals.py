"""Requests that were refused as a whole: each kept with its reason in a file of limited size, all of them counted.

Neither file holds credentials or addresses of clients.
"""

import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from almanac.durable import write_text
from almanac.state import WriteKey
from ingestion.collector.messages import redact
from ingestion.collector.problems import Problem
from ingestion.privacy.patterns import Kind, mask

FILE = "refused.jsonl"
FORMER_FILE = "refused.1.jsonl"
COUNTS_FILE = "refused-counts.json"
FILE_BYTES = 10 * 1024 * 1024  # two files of this size at most
EXCERPT_BYTES = 2_000
PATH_LENGTH = 200
LONGEST_PERSONAL = 100  # characters at the end of a cut excerpt that may be half an e-mail address
_PERSONAL: frozenset[Kind] = frozenset({"card", "email", "phone"})

IsHidden = Callable[[str, bytes], bool]
IsGone = Callable[[str, datetime, bytes], bool]
_log = logging.getLogger("almanac.collector")


class Refusals:
    """The refused requests of one log folder."""

    def __init__(self, folder: Path, file_bytes: int = FILE_BYTES, is_hidden: IsHidden = lambda _, __: False) -> None:
        """`is_hidden` tells of a tenant and bytes whether they name somebody of whom nothing may be kept."""
        self._folder = folder
        self._is_hidden = is_hidden
        self._file_bytes = file_bytes
        self._counts = _read_counts(folder / COUNTS_FILE)
        self._is_saved = True
        self._lock = Lock()  # counted in the event loop, saved in the landing thread
        self._files = Lock()  # likewise

    def note(self, problem: Problem, path: str, key: WriteKey | None, size: int) -> None:
        """Count a refused request and, unless it is only to be sent again, keep it with its reason.

        `size` is the body's in bytes as far as it was read. What a stranger sends is counted, but not kept.
        """
        now = datetime.now(UTC)
        tenant = key.tenant if key is not None else ""
        with self._lock:
            self._counts[f"{now.date()}/{tenant}/{problem.code}"] += 1
            self._is_saved = False
        if problem.status >= 500:
            return
        line = {
            "at": now.isoformat(timespec="milliseconds"),
            "status": problem.status,
            "code": problem.code,
            "message": problem.message,
            "request_id": problem.request_id,
            "path": redact(path[:PATH_LENGTH].encode("utf-8", "replace")).decode(),
            "bytes": size,
        }
        if key is not None:
            # Cleaned before it is cut: half a key would no longer look like one.
            is_hidden = self._is_hidden(key.tenant, problem.excerpt)
            excerpt = "" if is_hidden else _excerpt(problem.excerpt)
            line |= {"tenant": key.tenant, "source": key.source, "key": key.prefix, "excerpt": excerpt}
        self._append(json.dumps(line, ensure_ascii=False) + "\n")

    def counts(self) -> dict[str, int]:
        """How many requests were refused, by `<UTC day>/<tenant>/<code>`; the tenant is empty for strangers."""
        with self._lock:
            return dict(sorted(self._counts.items()))

    def save(self) -> None:
        """Write the counts to their file if there are new ones. Raises OSError."""
        if not self._is_saved:
            self._is_saved = True
            write_text(self._folder / COUNTS_FILE, json.dumps(self.counts(), indent=1) + "\n")

    def oldest(self) -> datetime | None:
        """When the oldest request that is kept was refused (aware); None if none is."""
        for name in (FORMER_FILE, FILE):
            for line in _lines(self._folder / name):
                if (kept := _kept(line)) is not None:
                    return kept[1]
        return None

    def forget(self, is_gone: IsGone) -> None:
        """Keep no excerpt that `is_gone`, as it says of tenant, time (aware) and excerpt. Raises OSError."""
        # The former file last: what is moved there meanwhile is still looked at. Whoever writes is kept from it only if
        # there is something to take out.
        for name in (FILE, FORMER_FILE):
            if any(_without(line, is_gone) != line for line in _lines(self._folder / name)):
                with self._files:
                    self._rewrite(self._folder / name, is_gone)

    def _rewrite(self, path: Path, is_gone: IsGone) -> None:
        aside = path.with_suffix(".tmp")
        aside.unlink(missing_ok=True)
        with open(aside, "x", encoding="utf-8", errors="replace", opener=_private) as file:
            file.writelines(_without(line, is_gone) for line in _lines(path))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)

    def _append(self, line: str) -> None:
        with self._files:
            self._append_alone(line)

    def _append_alone(self, line: str) -> None:
        path = self._folder / FILE
        try:
            if path.exists() and path.stat().st_size > self._file_bytes:
                path.replace(self._folder / FORMER_FILE)
            with open(path, "a", encoding="utf-8", errors="replace", opener=_private) as file:
                file.write(line)
        except OSError as error:
            # The request is answered and counted all the same.
            _log.warning("a refused request was not kept in %s: %s", path, error.strerror or error)


def _excerpt(body: bytes) -> str:
    """The beginning of a body without credentials, addresses, card numbers and the like; half of one is cut off."""
    clean = redact(body)
    masked, _ = mask(clean[:EXCERPT_BYTES].decode("utf-8", "replace"), _PERSONAL)
    return masked if len(clean) <= EXCERPT_BYTES else masked[:-LONGEST_PERSONAL]


def _lines(path: Path) -> Iterator[str]:
    try:
        with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
            yield from file
    except FileNotFoundError:
        return


def _kept(line: str) -> tuple[dict[str, Any], datetime] | None:
    """What a line holds, and when it was written; None for half a line of a disk that was full."""
    try:
        written = json.loads(line)
        return written, datetime.fromisoformat(written["at"])
    except (ValueError, KeyError, TypeError):
        return None


def _without(line: str, is_gone: IsGone) -> str:
    """The line, without its excerpt if that is gone."""
    kept = _kept(line)
    if kept is None or not kept[0].get("excerpt"):
        return line
    written, at = kept
    if not is_gone(written.get("tenant", ""), at, written["excerpt"].encode("utf-8", "replace")):
        return line
    return json.dumps(written | {"excerpt": ""}, ensure_ascii=False) + "\n"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _read_counts(path: Path) -> Counter[str]:
    try:
        return Counter({str(name): int(count) for name, count in json.loads(path.read_text(encoding="utf-8")).items()})
    except FileNotFoundError:
        return Counter()
    except (OSError, ValueError, AttributeError):
        _log.warning("%s cannot be read: counting refused requests anew", path)
        return Counter()
