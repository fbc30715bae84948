"""YAML that people write (rows 28 and 37 of the bad-input catalogue): no surprises, and a place for every mistake."""

from pathlib import Path
from shutil import copytree
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from almanac.yaml_files import MAX_BYTES, ConfigError, read_yaml
from ingestion.plan_check import check_plan
from tests.conftest import ROOT


class Card(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    title: str
    kind: Literal["tile", "table"] = "tile"
    version: str = ""


class Page(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str
    cards: dict[str, Card] = Field(default_factory=dict)
    more: list[Card] = Field(default_factory=list)


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "page.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def problems(tmp_path: Path, text: str) -> list[str]:
    file = read_yaml(written(tmp_path, text), "page.yml")
    with pytest.raises(ValidationError) as raised:
        Page.model_validate(file.content)
    return file.problems(raised.value, Page)


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        pytest.param("name: a\nname: b\n", "page.yml:2:1", "the key 'name' stands twice", id="37-duplicate-key"),
        pytest.param("a: &x [1]\nb: *x\n", "page.yml:2:4", "the alias *x is not allowed", id="37-alias"),
        pytest.param("a: {b: 1\n", "page.yml:2:1", "is not valid YAML", id="37-open-brace"),
        pytest.param("a:\n\t- b\n", "page.yml:2:1", "is not valid YAML", id="37-tab"),
        pytest.param(b"a: \xff\n", "page.yml:1", "byte 0xff is not UTF-8", id="37-encoding"),
        pytest.param("[a, b]: c\n", "page.yml:1:1", "a key must be a word", id="37-key-is-a-list"),
        pytest.param("a: !!python/object:os.system x\n", "page.yml:1:4", "is not valid YAML", id="37-tag"),
        pytest.param("# " + "x" * MAX_BYTES, "page.yml", "the limit is", id="37-size"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_its_place(
    tmp_path: Path, text: str | bytes, place: str, says: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        read_yaml(written(tmp_path, text), "page.yml")
    assert str(raised.value).startswith(f"{place}:")
    assert says in str(raised.value)
    assert raised.value.code == "config_error"


def test_nesting_without_end_is_refused(tmp_path: Path) -> None:
    for text in ("[" * 50_000, "{a: " * 50_000, "".join(f"{' ' * n}a:\n" for n in range(100))):
        with pytest.raises(ConfigError, match="nested deeper than 50 levels"):
            read_yaml(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "value"),
    [("no", "no"), ("on", "on"), ("Yes", "Yes"), ("true", True), ("2026-01-01", "2026-01-01"), ("'1.10'", "1.10")],
)
def test_37_words_and_dates_are_text(tmp_path: Path, text: str, value: Any) -> None:
    assert read_yaml(written(tmp_path, f"a: {text}\n")).content == {"a": value}


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    assert read_yaml(written(tmp_path, "# nothing\n")).content is None


def test_37_mistakes_of_meaning_have_line_column_field_and_what_was_meant(tmp_path: Path) -> None:
    text = "nam: a\nname: b\ncards:\n  one:\n    titel: x\n    kind: tabel\n    version: 1.10\nmore:\n  - title: 3\n"
    assert problems(tmp_path, text) == [
        "page.yml:4:3: cards.one.title: field required",
        "page.yml:6:5: cards.one.kind: input should be 'tile' or 'table'; did you mean 'table'?",
        "page.yml:7:5: cards.one.version: input should be a valid string",
        "page.yml:5:5: cards.one.titel: unknown field; did you mean 'title'?; known are kind, title, version",
        "page.yml:9:5: more.0.title: input should be a valid string",
        "page.yml:1:1: nam: unknown field; did you mean 'name'?; known are cards, more, name",
    ]


def test_28_a_name_too_long_for_a_column_is_found_by_the_check(tmp_path: Path) -> None:
    copytree(ROOT / "ingestion" / "tracking_plan", tmp_path / "ingestion" / "tracking_plan")
    path = tmp_path / "ingestion" / "tracking_plan" / "search_performed.yml"
    long = "results_" * 8
    path.write_text(path.read_text().replace("  results_count:", f"  {long}count:", 1))
    (problem, *_) = check_plan(tmp_path)
    assert problem.startswith("ingestion/tracking_plan/search_performed.yml: properties:")
    assert "column_name_too_long" in problem
