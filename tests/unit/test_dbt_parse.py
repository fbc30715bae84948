"""A home begins with the newest parse of its checkout, and dbt takes it as its own."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from almanac.dbt_parse import begin_with_newest_parse, environment, parse_environment, share_parse
from almanac.settings import Settings

NAME = "partial_parse.msgpack"


@pytest.fixture
def homes(tmp_path: Path) -> tuple[Settings, Settings]:
    """Two homes of one checkout."""
    return Settings.for_home(tmp_path / "a", tmp_path), Settings.for_home(tmp_path / "b", tmp_path)


def parsed(settings: Settings, content: str, *, at: int) -> Path:
    """A parse in a home's target folder, made at a second."""
    file = settings.dbt_target / NAME
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    os.utime(file, (at, at))
    return file


def test_a_new_home_begins_with_what_another_one_parsed(homes: tuple[Settings, Settings]) -> None:
    first, second = homes
    begin_with_newest_parse(first, first.dbt_target)  # there is none yet
    assert not (first.dbt_target / NAME).exists()
    parsed(first, "old", at=1_000)
    share_parse(first, first.dbt_target)
    begin_with_newest_parse(second, second.dbt_target)
    assert (second.dbt_target / NAME).read_text() == "old"


def test_the_newest_parse_counts_wherever_it_was_made(homes: tuple[Settings, Settings]) -> None:
    first, second = homes
    own = parsed(first, "old", at=1_000)
    parsed(second, "new", at=2_000)
    share_parse(second, second.dbt_target)
    share_parse(first, first.dbt_target)  # is older, and changes nothing
    begin_with_newest_parse(first, first.dbt_target)
    assert own.read_text() == "new"
    parsed(first, "newer", at=3_000)
    begin_with_newest_parse(first, first.dbt_target)
    assert own.read_text() == "newer"


def test_a_checkout_that_cannot_hold_a_parse_is_no_error(homes: tuple[Settings, Settings]) -> None:
    first, _ = homes
    (first.root / "target").write_text("a file, where a folder would have to be")
    parsed(first, "own", at=1_000)
    share_parse(first, first.dbt_target)
    begin_with_newest_parse(first, first.dbt_target)
    assert (first.dbt_target / NAME).read_text() == "own"


def test_dbt_is_told_the_same_for_every_home(homes: tuple[Settings, Settings]) -> None:
    first, second = homes
    assert environment(first) != environment(second)
    assert parse_environment(first) == parse_environment(second)
    there = replace(first, postgres_dsn="postgresql://someone:secret@db.example:5433/numbers")
    elsewhere = replace(second, postgres_dsn="postgresql://other@localhost/numbers")
    assert parse_environment(there) == parse_environment(elsewhere)
    assert parse_environment(there)["ALMANAC_DBT_PG_DATABASE"] == "numbers"
