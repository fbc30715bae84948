"""What integration tests share: a PostgreSQL server, started once and only if a test asks for it.

Environment: `ALMANAC_TEST_POSTGRES` is the URL of a server whose user may create databases; without it one is started.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.postgres import NoServer, server

if TYPE_CHECKING:
    from dagster import DagsterInstance


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
