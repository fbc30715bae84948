"""Publishes warehouses for a test that kills it: each line of standard input is a home and a project, tab between."""

from pathlib import Path

import duckdb

import almanac.publish
from almanac.settings import Settings
from tests.small_lake import PASSED
from tests.traced_jobs import serve


def main() -> None:
    """Serve one home per line until standard input ends."""
    # strace counts calls per thread: with one thread the n-th call is the same one in every run.
    connect = duckdb.connect
    duckdb.connect = lambda path=":memory:", read_only=False, config=None: connect(  # type: ignore
        path, read_only, {**(config or {}), "threads": 1}
    )
    serve(lambda line: almanac.publish.publish(Settings.for_home(*map(Path, line.split("\t"))), PASSED))


if __name__ == "__main__":
    main()
