"""The ten questions of the README have the answers that are printed there."""

from collections.abc import Iterator

import duckdb
import pytest

from almanac.ask import ask, connect
from almanac.publish import publish
from almanac.settings import Settings
from tests.questions import PAGE, Question, answered, questions
from tests.small_lake import PASSED

pytestmark = pytest.mark.xdist_group("truth")  # whose world they are asked of


@pytest.fixture(scope="module")
def con(world: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    publish(world, PASSED)
    with connect(world) as con:
        yield con


@pytest.mark.parametrize("question", questions(), ids=lambda q: q.title)
def test_the_answer_is_the_printed_one(con: duckdb.DuckDBPyConnection, question: Question) -> None:
    assert ask(con, question.sql).text + "\n" == question.answer, "`make questions` writes the answers anew"


def test_there_are_ten_and_writing_them_anew_changes_nothing(con: duckdb.DuckDBPyConnection) -> None:
    assert len(list(questions())) == 10
    assert answered(con) == PAGE.read_text(encoding="utf-8")


def test_another_number_would_be_seen(con: duckdb.DuckDBPyConnection) -> None:
    first = next(questions())
    assert ask(con, first.sql.replace("rentals", "advisory")).text + "\n" != first.answer
