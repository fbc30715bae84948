"""An installation after one run of the job `daily`, made once for all tests of this folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from almanac.dbt_worker import WarmDbt
from almanac.settings import Settings
from orchestration.definitions import build_defs
from orchestration.instance import prepare_home
from orchestration.manifest import load_manifest
from tests.integration.orchestration.installation import OPENED, land, run
from tests.lineage_endpoint import Kept, endpoint
from tests.small_project import small_root, small_settings


@pytest.fixture(scope="package")
def root() -> Path:
    """The project that is loaded and run."""
    return small_root()


@pytest.fixture(scope="package")
def dbt() -> WarmDbt:
    return WarmDbt()


@pytest.fixture(scope="package", autouse=True)
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """One Dagster for the runs of all tests, with Almanac's storage: one in memory makes a run twice as dear."""
    home = prepare_home(small_settings(tmp_path_factory.mktemp("dagster")))
    with dg.DagsterInstance.from_config(str(home)) as opened:
        OPENED.append(opened)
        yield opened
        OPENED.clear()


@pytest.fixture(scope="package")
def lineage() -> Iterator[Kept]:
    """An endpoint that is told of the first run."""
    with endpoint() as kept:
        yield kept


@pytest.fixture(scope="package")
def first(
    tmp_path_factory: pytest.TempPathFactory, dbt: WarmDbt, lineage: Kept
) -> tuple[Path, dg.ExecuteInProcessResult]:
    """A tiny lake, and one run of the job from nothing to a published version."""
    settings = small_settings(tmp_path_factory.mktemp("home"))
    for day in range(2):
        land(settings, day)
    return settings.home, run(lineage.told(settings), dbt)


@pytest.fixture(scope="package")
def home(first: tuple[Path, dg.ExecuteInProcessResult]) -> Path:
    """The installation after that run."""
    return first[0]


@pytest.fixture
def settings(home: Path, tmp_path: Path) -> Settings:
    """The installation after that run, for one test alone."""
    shutil.copytree(home, tmp_path / "home")
    return small_settings(tmp_path / "home")


@pytest.fixture(scope="package")
def manifest(home: Path) -> dict[str, Any]:
    return load_manifest(small_settings(home))


@pytest.fixture(scope="package")
def graph(home: Path) -> Any:
    return build_defs(small_settings(home)).resolve_asset_graph()
