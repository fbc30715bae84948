"""A repository without file sources, and `almanac ingest` on files without a mapping."""

from pathlib import Path
from shutil import copytree

import pytest
from click.testing import CliRunner, Result

from almanac.settings import ROOT
from ingestion.sources.cli import COMMANDS
from tests.guessed import Ingest


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the tracking plan alone."""
    copytree(ROOT / "ingestion" / "tracking_plan", tmp_path / "root" / "ingestion" / "tracking_plan")
    monkeypatch.setenv("ALMANAC_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("ALMANAC_HOME", str(tmp_path / "home"))
    return tmp_path / "root"


@pytest.fixture
def ingest(root: Path, tmp_path: Path) -> Ingest:
    """Runs the command on a file of this content."""

    def run(content: str | bytes, *options: str, name: str = "my.csv", answers: str = "") -> Result:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return CliRunner().invoke(COMMANDS["ingest"], [str(tmp_path / name), *options], input=answers)

    return run
