"""A collector says once of each change of the tracking plan that it does not go by it, until it takes it up."""

from pathlib import Path
from shutil import copytree

import pytest

from almanac.errors import AlmanacError
from almanac.settings import ROOT
from ingestion.collector.plan_watch import PlanWatch
from ingestion.tracking_plan import Plan, load_plan

FILE = Path("ingestion/tracking_plan/tenants/rentals.yml")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    copytree(ROOT / "ingestion" / "tracking_plan", tmp_path / "ingestion" / "tracking_plan")
    return tmp_path


def test_a_change_is_said_once(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    watch = PlanWatch(root, load_plan(root), adopt=lambda _: None)
    as_it_was = (root / FILE).read_text(encoding="utf-8")

    def said_after(text: str) -> int:
        (root / FILE).write_text(text, encoding="utf-8")
        caplog.clear()
        watch.look()
        watch.look()
        return sum("judges by the one that it knows" in record.getMessage() for record in caplog.records)

    assert said_after(as_it_was) == 0
    assert said_after(as_it_was + "\n# one\n") == 1
    assert said_after(as_it_was + "\n# another\n") == 1
    assert said_after(as_it_was) == 0
    (root / FILE).write_text(as_it_was + "\n# three\n", encoding="utf-8")
    watch.take_up()
    assert said_after(as_it_was + "\n# three\n") == 0, "it goes by this one now"
    assert said_after(as_it_was) == 1


def test_a_plan_that_is_not_taken_up_is_tried_again(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    adopted: list[Plan] = []
    troubles: list[Exception] = [AlmanacError("the landing has another opinion"), ChildProcessError("it ended")]

    def adopt(plan: Plan) -> None:
        if troubles:
            raise troubles.pop()
        adopted.append(plan)

    watch = PlanWatch(root, load_plan(root), adopt)
    as_it_was = (root / FILE).read_text(encoding="utf-8")
    (root / FILE).write_text(as_it_was + "\nnonsense: 1\n", encoding="utf-8")
    watch.take_up()
    assert "rentals.yml" in caplog.text
    assert "nonsense" in caplog.text
    (root / FILE).write_text(as_it_was + "\n# one\n", encoding="utf-8")
    for words in ("it ended", "another opinion"):
        watch.take_up()
        assert words in caplog.text
        assert not adopted
    watch.take_up()
    assert adopted == [load_plan(root)]
    watch.take_up()
    assert len(adopted) == 1, "it goes by it already"
