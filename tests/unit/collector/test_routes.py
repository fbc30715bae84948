"""The table of routes: what is at an address, and what is nowhere."""

import pytest

from ingestion.collector import dialects
from ingestion.collector.dialects import Document, Request, Route, match, methods_at


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/batch/", "/v1/b", "/v1/t", "/v1/identify", "/api/analytics/track"])
def test_an_address_is_found_with_and_without_a_slash_at_its_end(path: str) -> None:
    found = match(path)
    assert found is not None
    assert found.routes["POST"].takes_events
    assert methods_at(found) == "POST, OPTIONS"


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/x", "/v1/batch/x", "//v1/batch", "/V1/batch"])
def test_nothing_is_at_other_addresses(path: str) -> None:
    assert match(path) is None


def test_a_named_part_of_a_path_is_handed_to_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    route = Route(lambda request: Document(b"{}"), takes_events=False)
    monkeypatch.setattr(dialects, "_OPEN", [(["", "a", "{name}", "b"], {"GET": route})])
    found = match("/a/x.y/b/")
    assert found is not None
    assert (found.routes, found.parameters) == ({"GET": route}, {"name": "x.y"})
    assert match("/a//b") is match("/a/x/c") is match("/a/x/b/c") is None


def test_a_request_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Request("POST", "/v1/batch", b"{}").body = b""  # type: ignore[misc]
