"""Whether an object store can hold the lake: tried with one small object, which is removed again."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import uuid4

import duckdb

from almanac.errors import AlmanacError
from almanac.object_store import ObjectStore, let_read
from ingestion.lake_store import Taken
from ingestion.lake_store_s3 import S3Store

SKEW = 60.0  # seconds; stores refuse requests that are signed 15 minutes off


class Finding(NamedTuple):
    """What one trial showed."""

    went_well: bool
    seen: str
    todo: str = ""  # what to do if it did not go well


def check_store(place: ObjectStore) -> Iterator[Finding]:
    """Try what the lake needs, in the order in which it matters; ends at the first thing that does not work."""
    store, path = S3Store(place), f"doctor/{uuid4().hex}"
    try:
        store.list("manifest")
        made = store.create(path, b"one")
        yield Finding(made, f"{place.address} at {place.server} may be listed and written")
        yield _conditions(store, path)
        yield _clock(store, path)
        yield _engine(store, path)
    except AlmanacError as error:
        yield Finding(False, str(error), "mend that, then almanac doctor")
        return
    try:
        store.delete(path)
        gone = store.stat(path) is None
        yield Finding(
            gone, "objects may be deleted", "" if gone else "switch off object locks: erasure deletes objects"
        )
    except AlmanacError as error:
        yield Finding(False, str(error), "allow the key to delete below ALMANAC_LAKE: erasure must")


def _conditions(store: S3Store, path: str) -> Finding:
    """Two writers of one commit: the second one must be refused."""
    try:
        store.create(path, b"other")
    except Taken:
        return Finding(True, "conditional puts are kept")
    todo = "use a store that keeps If-None-Match: * on a put; with this one two writers can lose each other's commits"
    return Finding(False, "a conditional put was not refused", todo)


def _clock(store: S3Store, path: str) -> Finding:
    skew = (datetime.now(UTC) - store.changed_at(path)).total_seconds()
    seen = f"clocks differ by {abs(skew):.0f} s"
    return Finding(abs(skew) < SKEW, seen, "set this machine's clock (NTP)")


def _engine(store: S3Store, path: str) -> Finding:
    with duckdb.connect() as connection:
        try:
            let_read(connection, store.place)
            connection.execute("select content from read_text(?)", [store.locate(path)]).fetchone()
        except duckdb.Error as error:
            return Finding(False, f"DuckDB cannot read it: {str(error).splitlines()[0]}", "check the endpoint and keys")
    return Finding(True, "DuckDB reads it (httpfs)")
