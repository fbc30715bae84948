"""The bad-input catalogue is whole: each of its rows has a test that bears its number, so that a gap is seen."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
ROWS = range(1, 38)  # what reaches the collector, the file sources, the lake and the tracking plan
NUMBERED = re.compile(r'"([0-9]{2})-[a-z0-9-]+"|def test_([0-9]{2})_')


def test_every_row_has_a_test_by_its_number() -> None:
    texts = [path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py") if path != Path(__file__)]
    named = {int(first or second) for text in texts for first, second in NUMBERED.findall(text)}
    assert set(ROWS) - named == set()
