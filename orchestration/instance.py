"""Dagster's own storage and settings: below `settings.dagster_home`, written when absent, telemetry off."""

import importlib.util
import os
from contextlib import AbstractContextManager
from pathlib import Path

import dagster as dg

from almanac.durable import write_text
from almanac.errors import AlmanacError
from almanac.locks import exclusive
from almanac.settings import DAGSTER_DSN, Settings
from orchestration import instance_file
from orchestration.sqlite_storage import BATCHES

_WAIT_SECONDS = 120.0  # importing Dagster takes seconds


def prepare_home(settings: Settings) -> Path:
    """Make Dagster's home with its `dagster.yaml` unless it is there; return the folder.

    A file that an earlier Almanac wrote and nobody has changed is renewed. Raises AlmanacError if a file that is there
    keeps runs elsewhere than the settings say, or if PostgreSQL cannot be used: nobody should look for months of runs
    in the wrong place.
    """
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    path = instance_file.path(settings)
    # The pages and the daemon may start at once.
    with _alone(settings):
        if not path.exists():
            write_text(path, instance_file.content(settings))
        text = path.read_text(encoding="utf-8")
        _agree(path, text, settings.dagster_dsn)
        if instance_file.is_former(text, settings):
            write_text(path, instance_file.content(settings))
    return home


def environment(settings: Settings) -> dict[str, str]:
    """The variables that Dagster's own programs need, for the environment of a child process."""
    needed = {"DAGSTER_HOME": str(prepare_home(settings)), "DAGSTER_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
    return needed | ({DAGSTER_DSN: settings.dagster_dsn} if settings.dagster_dsn else BATCHES)


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The Dagster instance of this installation."""
    os.environ.update(environment(settings))
    make_storage(settings)
    return dg.DagsterInstance.from_config(str(settings.dagster_home))


def make_storage(settings: Settings) -> None:
    """Let Dagster make its databases, if it never has; this process's environment is that of `environment`.

    Two of Dagster's programs that meet no database both make one, and neither can read it any more.
    """
    made = settings.dagster_home / ".storage-made"
    if settings.dagster_dsn or made.exists():
        return
    with _alone(settings):
        dg.DagsterInstance.from_config(str(settings.dagster_home)).dispose()
        made.touch()


def _alone(settings: Settings) -> AbstractContextManager[None]:
    path = settings.dagster_home / ".almanac.lock"
    return exclusive(path, "making Dagster's home", wait_seconds=_WAIT_SECONDS)


def _agree(path: Path, text: str, dsn: str | None) -> None:
    names_it = DAGSTER_DSN in text
    if dsn and not names_it:
        raise AlmanacError(
            f"{DAGSTER_DSN} is set, but {path} keeps runs elsewhere: move that file away to have it written anew (the "
            "runs of before stay where they are), or take the variable away"
        )
    if names_it and not dsn:
        raise AlmanacError(f"{path} keeps runs in the database of {DAGSTER_DSN}, which is not set: set it")
    if dsn and importlib.util.find_spec("dagster_postgres") is None:
        raise AlmanacError(f"{DAGSTER_DSN} needs the package dagster-postgres: install Almanac's extra `postgres`")
