"""What integration tests share: a PostgreSQL server and a simulated world, made once and only if a test asks for them.

Environment: `ALMANAC_TEST_POSTGRES` is the URL of a server whose user may create databases; without it one is started.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from almanac.settings import Settings
from tests.postgres import NoServer, server

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from tests.integration.run_story import Story


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """The URL of a PostgreSQL server; tests make their own databases on it (`tests.postgres.database`)."""
    with ExitStack() as stack:
        try:
            dsn = stack.enter_context(server(os.environ.get("ALMANAC_TEST_POSTGRES")))
        except NoServer as error:
            pytest.skip(str(error))
        yield dsn


@pytest.fixture
def instance() -> "Iterator[DagsterInstance]":
    """A Dagster instance that keeps nothing."""
    from dagster import DagsterInstance

    with DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Two businesses with their truth, built; whoever asks for it belongs to xdist's group `truth`."""
    from almanac.dbt_worker import WarmDbt
    from tests.truth_world import build_world

    settings = Settings.for_home(tmp_path_factory.mktemp("world"))
    build_world(settings, WarmDbt())
    return settings


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> "Story":
    """An installation before and after an undisturbed run; whoever asks for it belongs to xdist's group `run_kill`."""
    from tests.integration.run_story import make_story

    return make_story(tmp_path_factory.mktemp("story"))
