"""The portal of a made-up business, for all tests of this folder."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from almanac.settings import Settings
from serving.app import create_app
from tests.serving.published import publish


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = Settings.for_home(tmp_path_factory.mktemp("portal"))
    publish(made)
    return made


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), raise_server_exceptions=False) as made:
        yield made
