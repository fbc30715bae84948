"""Taking a backup beside everything that runs: files first, then the document that makes them a backup."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.state import dump_state, open_state
from ingestion.backup.contents import DOCUMENT, LAKE, LOG, STATE, Contents, Held, read_contents
from ingestion.backup.copying import copy, is_whole, put_as_it_is_now
from ingestion.collector.log_files import PATTERN
from ingestion.lake_checkpoints import checkpoint_of
from ingestion.lake_entries import Commit, Entry
from ingestion.lake_manifest import Manifest, live_entries
from ingestion.lake_parallel import at_once
from ingestion.lake_store import Store, open_store

TRIES = 100  # files that are compacted or erased while they are copied are looked up again
_AT_ONCE = 64  # files between two looks at the progress


def take(
    settings: Settings,
    target: Store,
    *,
    reread: bool = False,
    begin: Callable[[int], None] = lambda size: None,
    advance: Callable[[int], None] = lambda size: None,
) -> Contents:
    """Bring the backup in `target` up to date; what it holds already is not copied again.

    Every event that was acknowledged before the call is in it, either landed or in the copy of the collector's log.
    What was erased from the lake is gone from the backup when this returns. `reread` compares what it holds already
    byte by byte. `begin` hears how many bytes are to copy, `advance` how many were. Raises AlmanacError if something of
    the lake is damaged, or a place cannot be read or written; the former backup, if there is one, is whole then.
    """
    made_at = datetime.now(UTC)
    before = read_contents(target)
    kept = {} if before is None or reread else {file.path: file for file in before.files}
    # The log first: what is not in it by now has landed, and a file that lands meanwhile is landed once all the same.
    log = list(_copy_log(settings, target))
    commits, files = _copy_lake(open_store(settings), target, kept, begin, advance)
    state = open_state(settings)
    try:
        dumped = dump_state(state)
    finally:
        state.close()
    named, document = checkpoint_of(commits, made_at)
    contents = Contents(
        made_at=made_at.isoformat(timespec="seconds"),
        files=[
            *log,
            *files,
            _put(target, f"{LAKE}{named}", document),
            _put(target, f"{STATE}{hashlib.sha256(dumped).hexdigest()}.json", dumped),
        ],
        events=sum(entry.rows for entry in live_entries(commits) if entry.kind == "events"),
    )
    target.put(DOCUMENT, msgspec.json.format(msgspec.json.encode(contents)))
    _delete_the_rest(target, contents)
    return contents


def _copy_log(settings: Settings, target: Store) -> Iterator[Held]:
    for path in sorted(settings.log_dir.glob(PATTERN)):
        try:
            content = path.open("rb")
        except FileNotFoundError:
            continue  # landed meanwhile
        # One that is still written has the same name and other content the next time.
        yield put_as_it_is_now(content, target, LOG, path.name)


def _copy_lake(
    source: Store,
    target: Store,
    kept: dict[str, Held],
    begin: Callable[[int], None],
    advance: Callable[[int], None],
) -> tuple[list[Commit], list[Held]]:
    """Copy what is live; returns the commits that name it, and what was copied or held already."""
    manifest = Manifest(source)
    begun = False
    for _ in range(TRIES):
        commits = manifest.commits()
        wanted = [_held(entry) for entry in live_entries(commits)]
        missing = [file for file in wanted if kept.get(file.path) != file]
        if not begun:
            begin(sum(file.bytes for file in missing))
            begun = True
        try:
            for first in range(0, len(missing), _AT_ONCE):
                some = missing[first : first + _AT_ONCE]
                at_once(target, lambda file: _copy(source, target, file), some)
                kept |= {file.path: file for file in some}
                advance(sum(file.bytes for file in some))
        except FileNotFoundError as error:
            gone, now = error, {entry.path for entry in live_entries(manifest.commits())}
            if any(file.path.removeprefix(LAKE) in now and _is_gone(source, file) for file in missing):
                raise AlmanacError(
                    "a file that the lake's manifest names is not there: `almanac lake verify` names it"
                ) from gone
            continue
        return commits, wanted
    raise AlmanacError("the lake does not come to rest: see what compacts it, then do it again")


def _is_gone(source: Store, file: Held) -> bool:
    return source.stat(file.path.removeprefix(LAKE)) is None


def _held(entry: Entry) -> Held:
    return Held(f"{LAKE}{entry.path}", entry.bytes, entry.sha256)


def _copy(source: Store, target: Store, file: Held) -> None:
    """Copy one file, unless its copy is there whole. Raises FileNotFoundError if the lake has replaced it."""
    if is_whole(target, file.path, file):
        return
    path = file.path.removeprefix(LAKE)
    if not copy(source, path, target, file.path, file):
        raise AlmanacError(
            f"{path} of the lake is damaged: nothing of the former backup was touched; restore the file from it, then "
            "run `almanac lake verify`"
        )


def _put(target: Store, path: str, data: bytes) -> Held:
    """Store a small file; its name follows from its content, so it never changes."""
    target.put(path, data)
    return Held(path, len(data), hashlib.sha256(data).hexdigest())


def _delete_the_rest(target: Store, contents: Contents) -> None:
    """What this backup does not name: of an earlier one, or of one that was interrupted."""
    named = {file.path for file in contents.files}
    rest: Sequence[str] = [
        stored.path
        for folder in (LAKE, STATE, LOG)
        for stored in target.list(folder.rstrip("/"))
        if stored.path not in named
    ]
    at_once(target, target.delete, rest)
