"""Dagster's `dagster.yaml` as Almanac writes it, and what one that stands in an installation has otherwise."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

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
# What Almanac has written so far, this version included (SHA-256, with the folder as a placeholder): such a file was
# changed by nobody. A changed text above needs its line here, and the lines of before stay.
WRITTEN = frozenset(
    {
        "166a73dadd62e3d2",
        "5f49ce1800e7f3ae",
        "a1793d7a0b373152",
        "631f0709eebecaf9",
        "b3373087a3c0f5db",
        "758cdfb23596b45b",
    }
)


def path(settings: Settings) -> Path:
    """Where it is."""
    return settings.dagster_home / "dagster.yaml"


def content(settings: Settings) -> str:
    """The file as Almanac writes it; it names the variable of the address, which holds a password."""
    if settings.dagster_dsn:
        return DAGSTER_YAML.format(where=f"the PostgreSQL database of {DAGSTER_DSN}", storage=POSTGRES)
    storage = SQLITE.format(base_dir=_base_dir(settings))
    return DAGSTER_YAML.format(where="SQLite beside this file", storage=storage)


def is_former(text: str, settings: Settings) -> bool:
    """Whether this is what an earlier Almanac wrote here, and nobody has changed."""
    return text != content(settings) and mark(text, settings) in WRITTEN


def mark(text: str, settings: Settings) -> str:
    """What a file of this content is known by, whatever folder it lies in."""
    return hashlib.sha256(text.replace(_base_dir(settings), "{base_dir}").encode()).hexdigest()[:16]


def differing(text: str, settings: Settings) -> list[str]:
    """The settings (`concurrency.pools`) that this file has otherwise than Almanac writes them.

    Raises yaml.YAMLError if it cannot be read.
    """
    found = yaml.safe_load(text)
    wanted = yaml.safe_load(content(settings))
    return sorted(_differing(found if isinstance(found, dict) else {}, wanted))


def _differing(found: Mapping[str, Any], wanted: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name in {*found, *wanted}:
        here, there = found.get(name), wanted.get(name)
        if here == there:
            continue
        if not above and isinstance(here, dict) and isinstance(there, dict):
            yield from _differing(here, there, f"{name}.")
        else:
            yield f"{above}{name}"


def _base_dir(settings: Settings) -> str:
    return str(settings.dagster_home / "storage")
