"""Dagster's own storage and settings: below `settings.dagster_home`, written when absent, telemetry off."""

import os
from pathlib import Path

import dagster as dg

from almanac.durable import write_text
from almanac.settings import Settings

DAGSTER_YAML = """\
# Written by Almanac when absent; yours from then on. Runs and their events are kept in SQLite beside this file.
telemetry:
  enabled: false
nux:
  enabled: false
storage:
  sqlite:
    base_dir: {base_dir}
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


def prepare_home(settings: Settings) -> Path:
    """Make Dagster's home with its `dagster.yaml` unless it is there; return the folder."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        write_text(home / "dagster.yaml", DAGSTER_YAML.format(base_dir=home / "storage"))
    return home


def environment(settings: Settings) -> dict[str, str]:
    """The variables that Dagster's own programs need, for the environment of a child process."""
    return {"DAGSTER_HOME": str(prepare_home(settings)), "DAGSTER_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The Dagster instance of this installation."""
    os.environ.update(environment(settings))
    return dg.DagsterInstance.from_config(str(settings.dagster_home))
