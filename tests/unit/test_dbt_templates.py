"""A text of dbt's is compiled once for all builds of a checkout."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dbt_common.clients import jinja
from dbt_common.clients.jinja import MacroFuzzEnvironment

from almanac.dbt_templates import KeptTemplates

TEXT = "select {% for n in [1, 2] %}{{ n }}{{ ', ' if not loop.last }}{% endfor %} as {{ name }}"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that Jinja itself compiles."""
    found: list[str] = []
    own: Callable[..., Any] = MacroFuzzEnvironment.compile

    def counted(environment: Any, source: Any, *place: Any, **how: Any) -> Any:
        found.append(source)
        return own(environment, source, *place, **how)

    monkeypatch.setattr("almanac.dbt_templates._compile", counted)
    monkeypatch.setattr(MacroFuzzEnvironment, "compile", own)  # so that it is put back
    return found


def a_process(folder: Path, text: str = TEXT, *, native: bool = False) -> Any:
    """What a process of its own that renders one text says."""
    templates = KeptTemplates(folder)
    templates.take_part()
    try:
        return jinja.get_template(text, {}, native=native).render({"name": "it"})
    finally:
        templates.keep()


def test_the_next_process_compiles_only_what_is_new(tmp_path: Path, compiled: list[str]) -> None:
    assert {a_process(tmp_path) for _ in range(3)} == {"select 1, 2 as it"}
    assert compiled == [TEXT]
    assert a_process(tmp_path, TEXT.replace("2]", "3]")) == "select 1, 3 as it"
    assert a_process(tmp_path) == "select 1, 2 as it"
    assert len(compiled) == 2
    assert len(list(tmp_path.iterdir())) == 1


def test_a_text_of_a_value_has_code_of_its_own(tmp_path: Path, compiled: list[str]) -> None:
    text = "{{ 'yes' | as_number }}"  # in a text a filter that changes nothing
    for _ in range(2):
        assert a_process(tmp_path, text) == "yes"
        with pytest.raises(jinja.CompilationError, match="into type 'number'"):
            a_process(tmp_path, text, native=True)
    assert compiled == [text, text]


def test_a_text_that_jinja_refuses_is_refused_every_time(tmp_path: Path, compiled: list[str]) -> None:
    for _ in range(2):
        with pytest.raises(jinja.CompilationError):
            a_process(tmp_path, "{% if %}")
    assert len(compiled) == 2


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b"", lambda b: b[:40] + b"\0" + b[41:]])
def test_a_damaged_file_is_made_anew(damage: Callable[[bytes], bytes], tmp_path: Path, compiled: list[str]) -> None:
    a_process(tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert {a_process(tmp_path) for _ in range(2)} == {"select 1, 2 as it"}
    assert compiled == [TEXT, TEXT]


def test_where_nobody_may_write_nothing_is_kept(tmp_path: Path, compiled: list[str]) -> None:
    (tmp_path / "file").touch()
    for _ in range(2):
        assert a_process(tmp_path / "file" / "folder") == "select 1, 2 as it"
    assert compiled == [TEXT, TEXT]
