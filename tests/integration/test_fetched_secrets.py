"""Databases and APIs that cannot be reached: what is said and logged of it holds no secret of their addresses."""

import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from almanac.errors import AlmanacError
from ingestion.sources.secrets import without_secrets
from tests.fetched_place import Place

TABLES: dict[str, Any] = {"items": {"key": ["id"], "cursor": "at"}}
NOBODY = "127.0.0.1:1"  # nobody listens on the first port
DATABASES = [
    f"postgresql+psycopg2://me:s3cret@{NOBODY}/x",
    f"postgresql+psycopg2://me:pa@s3cret@{NOBODY}/x",
    f"postgresql+psycopg2://{NOBODY}/x?password=s3cret&nonsense=1",
    "postgresql+psycopg2://me:s3cret@127.0.0.1:port/x",
    "postgresql:/me:s3cret@h/x",
    "what://me:s3cret@h/x",
]
APIS = [
    f"http://me:s3cret@{NOBODY}/x",
    f"http://{NOBODY}/x?token=s3cret",
    "ftp://me:s3cret@h/x",
    "no address s3cret",
]


def said(run: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> str:
    """The message of a run that fails; nothing that it shows anywhere holds the secret."""
    with caplog.at_level(logging.INFO), pytest.raises(AlmanacError) as raised:
        run()
    chain = "".join(traceback.format_exception(raised.value))
    for shown in (str(raised.value), chain, caplog.text, *capfd.readouterr()):
        assert "s3cret" not in shown
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("url", DATABASES)
def test_a_database_that_cannot_be_reached(tmp_path: Path, url: str, caplog: Any, capfd: Any) -> None:
    place = Place(tmp_path, url, kind="sql", tables=TABLES)
    assert said(place.fetch, caplog, capfd).startswith("source shop, table items: ")


@pytest.mark.parametrize("url", DATABASES)
def test_an_outbox_that_cannot_be_reached(tmp_path: Path, url: str, caplog: Any, capfd: Any) -> None:
    assert said(Place(tmp_path, url, kind="outbox", outbox={}).take, caplog, capfd).startswith("source shop: ")


@pytest.mark.parametrize("url", APIS)
def test_an_api_that_cannot_be_reached(
    tmp_path: Path, url: str, caplog: Any, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "1")  # dlt would wait and ask again for half a minute
    place = Place(tmp_path, url, kind="http", tables={"items": {**TABLES["items"], "params": {"api_key": "s3cret"}}})
    assert said(place.fetch, caplog, capfd).startswith("source shop, table items: ")


def test_what_is_no_secret_stays() -> None:
    url = "https://me:p%40ss@api.example/v2?key=k3y"
    text = "the key of https://me:p%40ss@api.example/v2?key=k3y and p@ss, tok3n: is it 1 or 2? ask me@api.example"
    kept = without_secrets(text, url, "tok3n")
    assert kept == "the key of ([removed]) and [removed], [removed]: is it 1 or 2? ask me@api.example"
