"""The tracking plan's part of `almanac check`."""

from pathlib import Path

from ingestion.tracking_plan.load import read_plan


def check_plan(root: Path) -> list[str]:
    """Every problem of the tracking plan below `root`, each a line that names file and field; empty if there is none.

    Files that cannot be understood are reported first; what must hold between files is checked once they can be.
    """
    _, problems = read_plan(root)
    return problems
