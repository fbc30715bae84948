"""Publishes one warehouse, alone in a process that a test may kill: `python -m tests.integration.publisher HOME`."""

import sys
from pathlib import Path

from almanac.publish import publish
from almanac.settings import Settings
from tests.small_lake import PASSED

if __name__ == "__main__":
    publish(Settings.for_home(Path(sys.argv[1])), PASSED)
