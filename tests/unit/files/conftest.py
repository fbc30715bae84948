"""A file source of orders, and the files that are delivered to it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import yaml

from almanac.settings import ROOT, Settings
from ingestion.sources.file_source import FileSource
from ingestion.sources.mapping import FOLDER
from tests.order_files import HEADER, MAPPING, Open


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A root with the tracking plan and a folder for mappings."""
    root = tmp_path / "root"
    copytree(ROOT / "ingestion" / "tracking_plan", root / "ingestion" / "tracking_plan")
    (root / FOLDER).mkdir(parents=True)
    tenant = root / "ingestion" / "tracking_plan" / "tenants" / "online_retail.yml"
    tenant.write_text(tenant.read_text().replace("sources:\n", "sources:\n  orders: {expected: never}\n"))
    return root


@pytest.fixture
def orders(repository: Path, tmp_path: Path) -> Iterator[Open]:
    """Opens the source `orders`, with changes to its mapping."""
    opened: list[FileSource] = []

    def open_source(**changes: Any) -> FileSource:
        given = {key: value for key, value in (MAPPING | changes).items() if value is not None}
        (repository / FOLDER / "orders.yml").write_text(yaml.safe_dump(given, sort_keys=False))
        opened.append(FileSource.open(Settings.for_home(tmp_path / "home", root=repository), "orders"))
        return opened[-1]

    yield open_source
    for source in opened:
        source.__exit__(None, None, None)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a delivered file of these lines below the header."""

    def write_file(*lines: str, name: str = "day.csv", header: str = HEADER, end: str = "\n") -> Path:
        path = tmp_path / name
        path.write_bytes((end.join((header, *lines)) + end).encode())
        return path

    return write_file
