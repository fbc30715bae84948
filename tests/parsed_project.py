"""What a copy of the project takes along besides its files, so that dbt reads in it only what has changed."""

import shutil
from contextlib import suppress
from pathlib import Path

from almanac.settings import ROOT


def take_parse_along(copy: Path) -> None:
    """Give a copy of the project the newest parse of this checkout, if there is one; git ignores it in both."""
    with suppress(FileNotFoundError):
        shutil.copytree(ROOT / "target" / "parsed", copy / "target" / "parsed")
