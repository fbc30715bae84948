"""A lake for the tests that are about one, and the tracking plan."""

from pathlib import Path

import pytest

from ingestion.lake import Lake
from ingestion.tracking_plan import Plan
from tests.lake_place import Place
from tests.lake_rows import PLAN


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Where the lake lies; `tests/integration/test_lake_s3.py` runs the same tests in a bucket."""
    return Place.at(tmp_path)


@pytest.fixture
def lake(place: Place) -> Lake:
    return Lake.open(place.settings, PLAN)


@pytest.fixture(scope="session")
def plan() -> Plan:
    return PLAN
