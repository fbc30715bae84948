"""A collector says once of each change of the tracking plan that it does not go by it yet."""

from pathlib import Path
from shutil import copytree

import pytest

from almanac.settings import ROOT
from ingestion.collector.plan_watch import PlanWatch
from ingestion.tracking_plan import load_plan


def test_a_change_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    copytree(ROOT / "ingestion" / "tracking_plan", tmp_path / "ingestion" / "tracking_plan")
    watch = PlanWatch(tmp_path, load_plan(tmp_path))
    file = tmp_path / "ingestion" / "tracking_plan" / "tenants" / "rentals.yml"
    as_it_was = file.read_text(encoding="utf-8")

    def said_after(text: str) -> int:
        file.write_text(text, encoding="utf-8")
        caplog.clear()
        watch.look()
        watch.look()
        return sum("judges by the one that it started with" in record.getMessage() for record in caplog.records)

    assert said_after(as_it_was) == 0
    assert said_after(as_it_was + "\n# one\n") == 1
    assert said_after(as_it_was + "\n# another\n") == 1
    assert said_after(as_it_was) == 0
