"""`almanac query` asks the published version, and says in one line why it cannot."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from almanac.ask import connect
from almanac.cli import cli
from almanac.errors import AlmanacError
from almanac.settings import Settings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose published version holds one table."""
    versions = Settings.for_home(tmp_path).versions
    versions.mkdir(parents=True)
    with duckdb.connect(str(versions / "v1.duckdb")) as con:
        con.execute("create table bookings as select 7.5::decimal(18, 4) as amount, null as city, true as is_first")
        con.execute("comment on table bookings is 'One row per booking: what it cost.'")
        con.execute("comment on column bookings.amount is 'What it cost.'")
    (versions / "CURRENT").write_text("v1\n")
    return tmp_path


def query(home: Path, *arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(cli, ["query", *arguments], input=stdin, env={"ALMANAC_HOME": str(home)})


def test_it_prints_the_answer_as_a_table_or_as_csv(home: Path) -> None:
    table = "amount  city  is_first\n------  ----  --------\n7.5000  -     True\n"
    assert query(home, "from bookings").output == table
    assert query(home, "-", stdin="from bookings").output == table
    assert query(home, "--csv", "from bookings").output == "amount,city,is_first\n7.5000,,True\n"


def test_it_says_what_there_is_to_ask(home: Path) -> None:
    assert "bookings  One row per booking\n" in query(home).output
    assert "amount    decimal(18,4)  What it cost.\n" in query(home, "--describe", "bookings").output


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("selct 1",), 1, "the query cannot be answered: Parser Error"),
        (("from nowhere",), 1, "Table with name nowhere does not exist"),
        (("delete from bookings",), 1, "read-only"),
        (("--describe", "nowhere"), 1, "no table is called 'nowhere'; `almanac query` lists"),
        (("--describe", "bookings", "select 1"), 2, "not both"),
    ],
)
def test_what_cannot_be_answered_is_one_line(home: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = query(home, *arguments)
    assert done.exit_code == code
    assert said in done.output
    assert code == 2 or len(done.output.splitlines()) == 1


def test_without_a_published_version_it_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(AlmanacError, match="run `make demo`, or `almanac build`"):
        connect(Settings.for_home(tmp_path))


def test_the_prompt_has_a_connection(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-i", "-m", "almanac.ask"],
        input='print("amount", con.sql("from bookings").fetchone()[0])\n',
        env={"ALMANAC_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "amount 7.5000" in done.stdout
