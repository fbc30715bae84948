"""What the shortcuts through dbt give: `python -m benchmarks.dbt_shortcuts`.

Both sides build the same days into warehouses of their own, taking turns, each in a process of its own; printed are the
CPU seconds of an incremental build of one small day, and their ratio.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median

from almanac import dbt_shortcuts
from almanac.build import run_build
from almanac.dbt_parse import parse
from almanac.dbt_worker import DbtRun, OnEvent, close, invoke
from almanac.settings import ROOT, Settings
from tests.small_lake import FIRST_DAY, land_day


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both sides and print their medians."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dbt_shortcuts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="processes of each side (default: 3)")
    parser.add_argument("--days", type=int, default=4, help="measured builds of each process (default: 4)")
    parser.add_argument("--side", choices=["with", "without"], help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.side:
        side(options.side == "with", options.days)
        return 0
    seconds: dict[str, list[float]] = {"without": [], "with": []}
    for _ in range(options.rounds):
        for name, found in seconds.items():
            command = [sys.executable, "-m", "benchmarks.dbt_shortcuts", "--side", name, "--days", str(options.days)]
            out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
            found.extend(float(word) for word in out.split())
    without, shortened = median(seconds["without"]), median(seconds["with"])
    say(f"an incremental build of one small day, all models and data tests, {len(seconds['with'])} builds of each side")
    say(f"dbt as it is     {without:6.2f} CPU s (least {min(seconds['without']):.2f})")
    say(f"with shortcuts   {shortened:6.2f} CPU s (least {min(seconds['with']):.2f})")
    say(f"ratio            {shortened / without:6.2f}")
    return 0


def side(shortened: bool, days: int) -> None:
    """Print the CPU seconds of each of this side's builds but the first, which is not incremental."""
    if not shortened:
        dbt_shortcuts.take_shortcuts = lambda: None
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.for_home(Path(folder))
        runner = _Parsed(settings)
        for day in range(days + 1):
            land_day(settings, FIRST_DAY + timedelta(days=day))
            before = time.process_time()
            result = run_build(settings, runner=runner)
            assert result.succeeded, result.failed
            if day:
                say(f"{time.process_time() - before:.3f}")


class _Parsed:
    """dbt in this process, parsed once, with nothing else kept from build to build."""

    def __init__(self, settings: Settings) -> None:
        self.manifest = parse(settings)

    def build(self, settings: Settings, *, full_refresh: bool, on_event: OnEvent | None = None) -> DbtRun:
        """Build, and close the warehouse."""
        run = invoke(settings, full_refresh, on_event, self.manifest)
        close(settings)
        return run


def say(line: str) -> None:
    """Print it now."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
