"""Builds one warehouse in a process that a test may kill: `python -m tests.integration.builder HOME PROJECT`.

Prints the name of each model or test as it finishes.
"""

import sys
from pathlib import Path
from typing import Any

from almanac.build import run_build
from almanac.settings import Settings


def tell(line: str) -> None:
    """Write one line that the test reads at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def say(event: dict[str, Any]) -> None:
    """Print the name of a finished node."""
    tell(event["data"]["node_info"]["node_name"])


if __name__ == "__main__":
    result = run_build(Settings.for_home(*map(Path, sys.argv[1:])), on_event=say)
    tell("succeeded" if result.succeeded else f"failed {result.error}")
