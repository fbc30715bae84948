"""Dagster's own storage and settings: below `settings.dagster_home`, written when absent, telemetry off."""

import importlib.util
import os
from pathlib import Path

import dagster as dg

from almanac.durable import write_text
from almanac.errors import AlmanacError
from almanac.settings import DAGSTER_DSN, Settings

DAGSTER_YAML = """\
# Written by Almanac when absent; yours from then on. Runs and their events are kept in {where}.
telemetry:
  enabled: false
nux:
  enabled: false
storage:
{storage}
# Every event of a run is kept with the run whatever its level; a process log needs no copy of them.
python_logs:
  python_log_level: INFO
# A run that does not start, or never ends, is closed; what a crash of the machine leaves is closed by the sensor
# `lost_runs`.
run_monitoring:
  enabled: true
  poll_interval_seconds: 30
  start_timeout_seconds: 180
  max_runtime_seconds: 21600
  free_slots_after_run_end_seconds: 60
# One build at a time: the warehouse has one writer. A run takes a place in the pool of its queue (`almanac queues`).
concurrency:
  pools:
    granularity: run
  runs:
    max_concurrent_runs: 4
    tag_concurrency_limits:
      - key: almanac/writes
        value: warehouse
        limit: 1
# After a standstill a missed day is made up for once, not once per day.
scheduler:
  module: dagster._core.scheduler.scheduler
  class: DagsterDaemonScheduler
  config:
    max_catchup_runs: 1
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days:
      skipped: 1
      failure: 30
      success: 30
"""
# Dagster's own `sqlite` reads and writes the same files, at several times the cost.
SQLITE = """\
  custom:
    module: orchestration.sqlite_storage
    class: KeptSqliteStorage
    config:
      base_dir: {base_dir}"""
POSTGRES = f"""\
  postgres:
    postgres_url:
      env: {DAGSTER_DSN}"""


def prepare_home(settings: Settings) -> Path:
    """Make Dagster's home with its `dagster.yaml` unless it is there; return the folder.

    Raises AlmanacError if a file that is there keeps runs elsewhere than the settings say, or if PostgreSQL cannot be
    used: nobody should look for months of runs in the wrong place.
    """
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    path = home / "dagster.yaml"
    if not path.exists():
        write_text(path, _dagster_yaml(settings))
    _agree(path, settings.dagster_dsn)
    return home


def environment(settings: Settings) -> dict[str, str]:
    """The variables that Dagster's own programs need, for the environment of a child process."""
    needed = {"DAGSTER_HOME": str(prepare_home(settings)), "DAGSTER_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
    return needed | ({DAGSTER_DSN: settings.dagster_dsn} if settings.dagster_dsn else {})


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The Dagster instance of this installation."""
    os.environ.update(environment(settings))
    return dg.DagsterInstance.from_config(str(settings.dagster_home))


def _dagster_yaml(settings: Settings) -> str:
    """The file as Almanac writes it; it names the variable of the address, which holds a password."""
    if settings.dagster_dsn:
        return DAGSTER_YAML.format(where=f"the PostgreSQL database of {DAGSTER_DSN}", storage=POSTGRES)
    storage = SQLITE.format(base_dir=settings.dagster_home / "storage")
    return DAGSTER_YAML.format(where="SQLite beside this file", storage=storage)


def _agree(path: Path, dsn: str | None) -> None:
    names_it = DAGSTER_DSN in path.read_text(encoding="utf-8")
    if dsn and not names_it:
        raise AlmanacError(
            f"{DAGSTER_DSN} is set, but {path} keeps runs elsewhere: move that file away to have it written anew (the "
            "runs of before stay where they are), or take the variable away"
        )
    if names_it and not dsn:
        raise AlmanacError(f"{path} keeps runs in the database of {DAGSTER_DSN}, which is not set: set it")
    if dsn and importlib.util.find_spec("dagster_postgres") is None:
        raise AlmanacError(f"{DAGSTER_DSN} needs the package dagster-postgres: install Almanac's extra `postgres`")
