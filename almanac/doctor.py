"""What an installation needs to work, looked at from outside: nothing is changed, nothing is started.

Each examination gives one line: a verdict, what was seen, and what to do where something is wrong.
"""

import fcntl
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Literal

from almanac.settings import Settings

Verdict = Literal["ok", "warn", "fail"]

PYTHONS = ((3, 11), (3, 13))
DISK_FAIL_GIB, DISK_WARN_GIB = 1, 5


@dataclass(frozen=True)
class Line:
    """One line of the report. `todo` says what to do where the verdict is not ok; `since` is aware, None if unknown."""

    verdict: Verdict
    subject: str
    seen: str
    todo: str = ""
    since: datetime | None = None

    def __str__(self) -> str:
        return f"{self.verdict:<5} {self.subject:<10} {self.seen}" + (f" -> {self.todo}" if self.todo else "")


def python(settings: Settings) -> Iterator[Line]:
    """The interpreter's version and whether it is the repository's own environment."""
    version, (first, last) = sys.version_info[:2], PYTHONS
    seen = f"{sys.version.split()[0]} in {sys.prefix}"
    if not first <= version <= last:
        yield Line("fail", "python", seen, "use Python 3.11, 3.12 or 3.13: make distclean, then make setup PYTHON=...")
    elif sys.prefix == sys.base_prefix:
        yield Line(
            "warn", "python", f"{seen}, which is no environment of its own", "make setup, then .venv/bin/almanac"
        )
    else:
        yield Line("ok", "python", seen)


def packages(settings: Settings) -> Iterator[Line]:
    """Whether the installed packages are those of the lock."""
    lock = settings.root / "requirements.lock"
    if not lock.is_file():
        yield Line("fail", "packages", f"{lock} is missing", "restore it from git")
        return
    wanted = dict(_locked(lock))
    wrong = [f"{name} {found or 'missing'}" for name, want in wanted.items() if (found := _installed(name)) != want]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        yield Line("fail", "packages", f"not as locked: {', '.join(wrong[:3])}{more}", "make setup")
    else:
        key = ", ".join(f"{name} {wanted[name]}" for name in ("dbt-core", "duckdb", "dagster") if name in wanted)
        yield Line("ok", "packages", f"{len(wanted)} as locked ({key})")


def disk(settings: Settings) -> Iterator[Line]:
    """Free space where data is written, and whether it may be written there."""
    folder = next(p for p in (settings.home, *settings.home.parents) if p.exists())
    if not os.access(folder, os.W_OK):
        yield Line("fail", "disk", f"{folder} may not be written", "change its owner, or set ALMANAC_HOME")
        return
    free = shutil.disk_usage(folder).free / 2**30
    seen = f"{free:.1f} GiB free for {settings.home}"
    if free < DISK_FAIL_GIB:
        yield Line("fail", "disk", seen, "free some space, or set ALMANAC_HOME to another disk")
    elif free < DISK_WARN_GIB:
        yield Line("warn", "disk", seen, "a full rebuild may need more")
    else:
        yield Line("ok", "disk", seen)


def ports(settings: Settings) -> Iterator[Line]:
    """Whether a server can listen on the configured address."""
    try:
        with socket.create_server((settings.host, 0)) as server:
            yield Line("ok", "ports", f"servers can listen on {settings.host} (tried port {server.getsockname()[1]})")
    except OSError as error:
        yield Line("fail", "ports", f"cannot listen on {settings.host}: {error.strerror}", "set ALMANAC_HOST=127.0.0.1")


def versions(settings: Settings) -> Iterator[Line]:
    """The version that readers see, its age, and how the last attempt to publish ended."""
    from almanac.versions import current, read_status

    version, status = current(settings), read_status(settings)
    if version is None:
        yield Line("warn", "published", "nothing yet", "make demo, or almanac build")
    elif not status.succeeded:
        failed = ", ".join(status.failed_checks) or status.reason
        yield Line(
            "fail",
            "published",
            f"{version.id}; the last attempt failed: {failed}",
            "mend the cause, then almanac build",
        )
    elif status.published_at and (age := datetime.now(UTC) - _aware(status.published_at)) > settings.late_after:
        yield Line("warn", "published", f"{version.id}, {age.days} d {age.seconds // 3600} h old", "almanac build")
    else:
        yield Line("ok", "published", f"{version.id} is current")


def locks(settings: Settings) -> Iterator[Line]:
    """Who works at the moment. A lock dies with its process, so one that is held is never left over."""
    from almanac.locks import holder

    held = [path for path in sorted(settings.home.glob("*/*.lock")) if _is_held(path)]
    for path in held:
        yield Line("warn", "locks", holder(path), "wait until it has ended, or end that process")
    if not held:
        yield Line("ok", "locks", "nothing is being built or published")


def state(settings: Settings) -> Iterator[Line]:
    """Whether the application state can be reached and has the schema of this Almanac; it is not migrated here."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import create_engine, make_url, text
    from sqlalchemy.exc import SQLAlchemyError

    from almanac.state.migrate import VERSION_TABLE, alembic_config

    try:
        url = make_url(settings.state_url)
        where = url.render_as_string(hide_password=True)
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
            yield Line("warn", "state", f"{where} does not exist yet", "almanac keys create makes it")
            return
        with create_engine(url, hide_parameters=True).connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
            found, newest = (
                context.get_current_revision(),
                ScriptDirectory.from_config(alembic_config()).get_current_head(),
            )
            unfinished = "select count(*) from erasures where finished_at is null"
            erasures = connection.execute(text(unfinished)).scalar() if found == newest else 0
    except SQLAlchemyError as error:
        yield Line("fail", "state", f"cannot be read: {type(error).__name__}", "check ALMANAC_STATE_URL and its server")
        return
    if found == newest:
        yield Line("ok", "state", f"{where} has schema {found}")
    else:
        yield Line("warn", "state", f"{where} has schema {found}, this Almanac {newest}", "its next use migrates it")
    if erasures:
        seen = f"{erasures} {'erasures have' if erasures > 1 else 'erasure has'} begun and not ended"
        yield Line(
            "warn", "erasing", seen, "almanac erase resume, unless one runs now; it says what to do about a lost secret"
        )
    if found == newest:
        yield from _secret(settings)


def _secret(settings: Settings) -> Iterator[Line]:
    """Whether who was suppressed can be recognised: a collector does not start if not."""
    from almanac.errors import AlmanacError
    from almanac.state import open_state, suppressed_ids

    try:
        opened = open_state(settings)
        try:
            suppressed_ids(opened, settings.suppression_secret)
        finally:
            opened.close()
    except AlmanacError as error:
        yield Line("fail", "secret", str(error), "collectors, ingest and replays refuse to start until then")


def channels(settings: Settings) -> Iterator[Line]:
    """Whether the settings of the ways to reach people are such; nothing is sent (`almanac alerts test` does)."""
    from almanac.alert_settings import configured

    found = configured(settings)
    for name, wrong in found.items():
        if wrong:
            yield Line("fail", "alerts", f"{name}: {wrong}", "mend the setting, then almanac alerts test")
        else:
            yield Line("ok", "alerts", f"people are told by {name}")
    if not found and settings.environment == "production":
        yield Line("warn", "alerts", "nobody is told what fails", "set ALMANAC_SLACK_WEBHOOK_URL or ALMANAC_SMTP_URL")
    elif not found:
        yield Line("ok", "alerts", "no channel is configured: incidents are only written down")


Examination = Callable[[Settings], Iterator[Line]]
EXAMINATIONS: tuple[Examination, ...] = (
    python,
    packages,
    disk,
    ports,
    state,
    versions,
    locks,
    channels,
)


def _locked(lock: Path) -> Iterator[tuple[str, str]]:
    """Name and version of each package that the lock wants for this interpreter and system."""
    from packaging.requirements import Requirement

    for line in lock.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith((" ", "#")):
            wanted = Requirement(line.rstrip(" \\"))
            if wanted.marker is None or wanted.marker.evaluate():
                yield wanted.name, str(wanted.specifier).removeprefix("==")


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _is_held(path: Path) -> bool:
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(fd)


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
