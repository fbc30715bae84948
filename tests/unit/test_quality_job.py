"""The job that writes the review of the last quarter."""

from datetime import UTC, datetime
from pathlib import Path

from almanac.settings import Settings
from expectations.review import last_quarter
from orchestration.ended_runs import BUILDS
from orchestration.quality import quality_review
from orchestration.resources import Almanac


def test_it_writes_the_last_quarter_that_is_over_and_again_replaces_it(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    for _ in range(2):
        assert quality_review.execute_in_process(resources={"almanac": Almanac(settings)}).success
    name = last_quarter(datetime.now(UTC).date()).name
    assert [page.name for page in (settings.home / "reports" / "quality").iterdir()] == [f"{name}.md"]
    assert not (settings.home / "state.db").exists()


def test_it_is_no_build() -> None:
    assert BUILDS == ("daily", "increment", "publication", "backfill")
