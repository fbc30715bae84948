"""Lands the log of one home after the other, each in a process of its own: `python -m tests.integration.flushing`."""

from pathlib import Path

import pyarrow.parquet  # noqa: F401 - imported once, before children are forked

from almanac.settings import Settings
from ingestion.collector.land_log import land_file
from ingestion.collector.log_files import mend
from ingestion.lake import Lake
from ingestion.tracking_plan import load_plan
from tests.traced_jobs import serve

PLAN = load_plan()


def flush(folder: str) -> None:
    """As a collector that starts: mend the log, land each file, delete it."""
    settings = Settings.for_home(Path(folder))
    lake = Lake.open(settings, PLAN)
    for path in mend(settings.log_dir):
        land_file(lake, path)
        path.unlink()


if __name__ == "__main__":
    serve(flush)
