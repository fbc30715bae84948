"""Landing what is fetched: table by table, in the order of the cursor, every run from where the lake says it ended."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from almanac.errors import AlmanacError
from almanac.progress import progress
from almanac.settings import Settings
from ingestion.lake import Lake
from ingestion.lake_cursors import normal_cursor
from ingestion.lake_tables import (
    Table,
    TableRow,
    current_since,
    land_rows,
    landed_digests,
    landed_without_cursor,
    reached,
    state_of,
)
from ingestion.privacy.suppression import load_suppression
from ingestion.sources.cursors import earlier
from ingestion.sources.fetched_privacy import Screen
from ingestion.sources.fetched_rows import fetch
from ingestion.sources.fetched_source import FetchedSource, FetchedTable
from ingestion.sources.secrets import without_secrets

BATCH_ROWS = 50_000  # rows of one landing
_LONGEST = 300  # characters of what a client library says


@dataclass(frozen=True)
class Fetched:
    """What a run brought of one table: rows read; of these landed as new or changed, masked, dropped as suppressed."""

    table: str
    read: int
    landed: int
    masked: int = 0
    suppressed: int = 0


def fetch_all(settings: Settings, source: FetchedSource, lake: Lake, now: datetime | None = None) -> list[Fetched]:
    """Bring every table of a source up to date; repeating it, or a run that was killed, lands no row twice.

    Raises AlmanacError for the first table that cannot be read; what had landed before stays.
    """
    url = settings.source_url(source.source)
    if url is None:
        raise AlmanacError(
            f"source {source.source}: set {settings.source_variable(source.source, 'URL')} to its address"
        )
    token = settings.source_token(source.source)
    suppression = load_suppression(settings)
    found = []
    with progress(f"Fetching {source.source}", len(source.tables), "tables") as said:
        for name in source.tables:
            screen = Screen(lake.plan, source.tenant, source.tables[name], suppression)
            found.append(fetch_table(source, name, lake, url, token, now or datetime.now(UTC), screen))
            said.advance()
    return found


def fetch_table(
    source: FetchedSource, name: str, lake: Lake, url: str, token: str | None, now: datetime, screen: Screen
) -> Fetched:
    """Land the rows of one table that are new or changed. Raises AlmanacError if they cannot be read."""
    table, described = Table(source.tenant, source.source, name), source.tables[name]
    since = None if described.cursor is None else _since(lake, table, described, url)
    before = state_of(lake, table)
    known = landed_digests(lake, table, since)
    current = {} if since is None else current_since(lake, table, since)
    told: dict[tuple[str, str], bytes] = {}
    is_complete = since is None  # whether `known` has the rows without a cursor too
    read = landed = masked = suppressed = 0
    try:
        rows: Iterator[TableRow] = fetch(source, name, since, url, token)
        if source.kind == "http" and described.cursor is not None:
            # An API gives its pages in any order, but what has landed must be all below the greatest cursor.
            rows = iter(sorted(rows, key=lambda row: row.cursor or ""))
        while batch := list(islice(rows, BATCH_ROWS)):
            read += len(batch)
            screened = screen.screen(batch)
            if screened.suppressed:
                suppressed += screened.suppressed
                _count_suppressed(lake, table, screened.suppressed, screened.seal, now)
            masked += screened.masked
            if not is_complete and any(row.cursor is None for row in screened.rows):
                # Rare, and takes reading all that has landed: a source gives rows without a cursor every time.
                known |= landed_without_cursor(lake, table)
                is_complete = True
            new = list(_unknown(screened.rows, known, current, told))
            # Rows that were landed by a run that was killed, or lie in the overlap, are known by their content.
            if land_rows(lake, table, new, now, before):
                landed += len(new)
    except AlmanacError:
        raise
    except Exception as error:
        what = f"source {source.source}, table {name}: {without_secrets(_cause(error), url, token)[:_LONGEST]}"
        # Not `from error`: whoever shows the chain would show what was taken out.
        raise AlmanacError(f"{what}; {landed:,} rows landed before, run it again to go on") from None
    return Fetched(name, read, landed, masked, suppressed)


def _count_suppressed(lake: Lake, table: Table, count: int, seal: str, now: datetime) -> None:
    """Count rows that were dropped as received and suppressed; the same rows on the same UTC day count once."""
    day = {now.astimezone(UTC).date(): count}
    content = f"{table.table}\nsuppressed\n{seal}"
    lake.land(table.tenant, table.source, [], content_hash=content, received=day, suppressed=day)


def _cause(error: BaseException) -> str:
    """What the database or API said, without what stood around it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _since(lake: Lake, table: Table, described: FetchedTable, url: str) -> str | None:
    """The cursor from which to read."""
    cursor = reached(lake, table)
    overlap = described.overlap
    if cursor is not None and url.startswith("sqlite") and "T" in cursor:
        # SQLite keeps times as text, with or without fractions: "10:00:00" is less than "10:00:00.000000" there.
        overlap = max(overlap, 1)
    return earlier(cursor, overlap)


def _unknown(
    batch: list[TableRow],
    known: set[bytes],
    current: dict[str, tuple[str, bytes]],
    told: dict[tuple[str, str], bytes],
) -> Iterator[TableRow]:
    """The rows that have not landed, and those that came back: their key is something else at the same cursor now.

    `current` is what each key was when the run began, and what came back since; `told` what the source gave first of
    these keys. What it gives several times of one key at one cursor does not come back: it would land in every run.
    """
    placed = [((row.key, normal_cursor(row.cursor or "")), row.digest) for row in batch]
    times = Counter(place for place, _ in set(placed))
    for row, (place, digest) in zip(batch, placed, strict=True):
        cursor, now = current.get(row.key, ("", digest))
        is_back = False
        if row.cursor is not None and place[1] == cursor and row.key in current:
            is_back = told.setdefault(place, digest) == digest != now and times[place] == 1
        if is_back:
            current[row.key] = (cursor, digest)
        if is_back or digest not in known:
            known.add(digest)
            yield row
