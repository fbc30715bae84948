"""Fixtures for modules whose tests run against a collector with each of its servers; a module takes them by name."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ingestion.collector.server_names import SERVERS
from tests.integration.collector_process import CollectorProcess, new_key, running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the collector, which all tests of a module share."""
    return tmp_path_factory.mktemp("collector")


@pytest.fixture(scope="module")
def key(home: Path) -> str:
    """A write key of it."""
    return new_key(home)


@pytest.fixture(scope="module", params=SERVERS)
def collector(home: Path, key: str, request: pytest.FixtureRequest) -> Iterator[CollectorProcess]:
    """A collector, once with each of its servers; it must end well."""
    with running(home, options=("--server", request.param)) as collector:
        yield collector
        assert collector.stop() == 0


@pytest.fixture
def client(collector: CollectorProcess, key: str) -> Iterator[httpx.Client]:
    """Somebody who has the key."""
    with httpx.Client(base_url=collector.url, auth=(key, ""), timeout=30) as client:
        yield client


@pytest.fixture
def stranger(collector: CollectorProcess) -> Iterator[httpx.Client]:
    """Somebody who has none."""
    with httpx.Client(base_url=collector.url, timeout=30) as client:
        yield client
