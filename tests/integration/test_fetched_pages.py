"""Answers of a paged API with status 200 that are no page: an error that says where, and nothing that was missed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from almanac.errors import AlmanacError
from tests.fetched_place import Place
from tests.paged_api import ITEMS, Api


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()
    made.items = [{"id": n, "at": f"2026-03-0{n}T10:00:00Z"} for n in range(1, 8)]
    yield made
    made.stop()


def test_an_answer_without_rows_is_no_end_and_later_all_rows_come(api: Api, tmp_path: Path) -> None:
    place = Place(tmp_path, api.url, kind="http", tables={"items": ITEMS})
    api.instead[3] = b'{"error": "upstream timeout", "pages": 4}'
    with pytest.raises(AlmanacError) as raised:
        place.fetch()
    assert str(raised.value) == (
        f"source shop, table items: page 3 of {api.url}items has no items, where its rows should be (it has error,"
        " pages): correct `rows` in the description, or run it again when the API is well"
    )
    assert place.rows("items") == []
    api.instead.clear()
    assert place.fetch(1) == [(7, 7)]


def test_a_place_found_by_itself_is_expected_on_every_page(api: Api, tmp_path: Path) -> None:
    place = Place(tmp_path, api.url, kind="http", tables={"items": {**ITEMS, "rows": None}})
    api.instead[2] = b'{"error": "upstream timeout", "pages": 4}'
    with pytest.raises(AlmanacError, match=r"page 2 of .* has no items"):
        place.fetch()


@pytest.mark.parametrize("rows", ["data.item", "item", "items[*].ticket.body"])
def test_a_wrong_place_of_the_rows_is_named(api: Api, tmp_path: Path, rows: str) -> None:
    place = Place(tmp_path, api.url, kind="http", tables={"items": {**ITEMS, "rows": rows}})
    with pytest.raises(AlmanacError) as raised:
        place.fetch()
    assert f"page 1 of {api.url}items has no {rows}, where its rows should be" in str(raised.value)


@pytest.mark.parametrize("rows", ["items", "items[*]", "items[*].ticket"])
def test_an_empty_list_is_the_end(api: Api, tmp_path: Path, rows: str) -> None:
    api.items = []
    place = Place(tmp_path, api.url, kind="http", tables={"items": {**ITEMS, "rows": rows}})
    assert place.fetch() == [(0, 0)]


def test_what_is_no_json_is_named_with_its_page_and_without_secrets(api: Api, tmp_path: Path) -> None:
    url = api.url.replace("://", "://me:s3cret@")
    place = Place(tmp_path, url, kind="http", tables={"items": {**ITEMS, "params": {"api_key": "s3cret"}}})
    api.instead[2] = b"<html>log in first</html>"
    with pytest.raises(AlmanacError) as raised:
        place.fetch()
    assert f"source shop, table items: page 2 of {api.url}items is not JSON but text/html" in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_a_status_that_is_an_error_is_named_without_secrets(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "1")  # dlt would wait and ask again for half a minute
    url = api.url.replace("://", "://me:s3cret@")
    place = Place(tmp_path, url, kind="http", tables={"items": {**ITEMS, "params": {"signature": "s3cret"}}})
    api.failures = 9
    with pytest.raises(AlmanacError) as raised:
        place.fetch()
    assert f"source shop, table items: page 1 of {api.url}items answered 503 Service Unavailable" in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_rows_that_are_no_objects_are_named(api: Api, tmp_path: Path) -> None:
    place = Place(tmp_path, api.url, kind="http", tables={"items": {**ITEMS, "rows": "items[*].id"}})
    with pytest.raises(AlmanacError, match=r"page 1 of .* has a row that is no object \(number\)"):
        place.fetch()
