"""The questions of the README: their SQL, the printed answers, and writing these anew (`make questions`)."""

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from almanac.ask import ask, connect
from almanac.settings import ROOT, Settings

PAGE = ROOT / "README.md"
_QUESTION = re.compile(
    r"^<summary>(?P<title>[^\n]*)</summary>\n(?P<words>.*?)^```sql\n(?P<sql>.*?)^```\n"
    r"(?:\n```text\n(?P<answer>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Question:
    """A question of the page with its SQL and the answer that is printed there."""

    title: str
    sql: str
    answer: str


def questions() -> Iterator[Question]:
    """The questions of the page, in order."""
    for found in _QUESTION.finditer(PAGE.read_text(encoding="utf-8")):
        yield Question(found["title"], found["sql"], found["answer"] or "")


def answered(con: duckdb.DuckDBPyConnection) -> str:
    """The page with the answers that this version gives."""

    def write(found: re.Match[str]) -> str:
        answer = ask(con, found["sql"]).text
        said = f"<summary>{found['title']}</summary>\n{found['words']}"
        return f"{said}```sql\n{found['sql']}```\n\n```text\n{answer}\n```\n"

    return _QUESTION.sub(write, PAGE.read_text(encoding="utf-8"))


def main() -> None:
    """Build the small world, publish it and write its answers into the page."""
    from almanac.dbt_worker import WarmDbt
    from almanac.publish import publish
    from tests.small_lake import PASSED
    from tests.truth_world import build_world

    parser = argparse.ArgumentParser(prog="python -m tests.questions", description=main.__doc__)
    parser.add_argument("--home", type=Path, help="an empty folder for the world, which stays there to be asked more")
    with TemporaryDirectory() as folder:
        settings = Settings.for_home(parser.parse_args().home or Path(folder))
        build_world(settings, WarmDbt())
        publish(settings, PASSED)
        with connect(settings) as con:
            PAGE.write_text(answered(con), encoding="utf-8")


if __name__ == "__main__":
    main()
