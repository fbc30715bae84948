"""Restoring a backup into an installation that holds nothing yet. Interrupted, it can be run again."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import PurePosixPath

from almanac.durable import sync_folder
from almanac.errors import AlmanacError
from almanac.locks import is_held
from almanac.settings import Settings
from almanac.state import load_state, open_state
from ingestion.backup.contents import LAKE, LOG, STATE, Contents, Held, read_contents
from ingestion.backup.copying import copy, is_whole
from ingestion.collector.log_files import PATTERN
from ingestion.lake_checkpoints import FOLDER as CHECKPOINTS
from ingestion.lake_manifest import Manifest
from ingestion.lake_parallel import at_once
from ingestion.lake_store import LocalStore, Store, open_store

_AT_ONCE = 64


def restore(
    settings: Settings,
    source: Store,
    *,
    begin: Callable[[int], None] = lambda size: None,
    advance: Callable[[int], None] = lambda size: None,
) -> Contents:
    """Put what the backup in `source` holds into the lake, the application state and the log of `settings`.

    The warehouse is built from it afterwards, and the collector lands the log when it starts. `begin` and `advance`
    hear bytes. Raises AlmanacError if there is no whole backup, a file of it is damaged, or the places to restore to
    hold something else; nothing of what they hold is touched.
    """
    contents = read_contents(source)
    if contents is None:
        raise AlmanacError(
            f"{source.locate('')} holds no whole backup (BACKUP.json is its last file): check the place, or whether "
            "`almanac backup` came to its end"
        )
    lake = open_store(settings)
    checkpoint = _only([file for file in contents.below(LAKE) if file.path.startswith(f"{LAKE}{CHECKPOINTS}/")])
    _refuse_another_lake(lake, checkpoint)
    _refuse_a_running_collector(settings)
    begin(contents.bytes)
    files = [file for file in contents.below(LAKE) if file is not checkpoint]
    for first in range(0, len(files), _AT_ONCE):
        some = files[first : first + _AT_ONCE]
        at_once(lake, lambda file: _copy(source, lake, file), some)
        advance(sum(file.bytes for file in some))
    state = open_state(settings)
    try:
        load_state(state, _read(source, _only(contents.below(STATE))))
    finally:
        state.close()
    _restore_log(settings, source, contents.below(LOG))
    # Last: from here on the lake's files exist for readers.
    _copy(source, lake, checkpoint)
    return contents


def _only(files: list[Held]) -> Held:
    if len(files) != 1:
        raise AlmanacError("BACKUP.json does not name what a backup holds: use another backup")
    return files[0]


def _refuse_another_lake(lake: Store, checkpoint: Held) -> None:
    with lake.lock():
        held = Manifest(lake).commits()
    if held and lake.stat(checkpoint.path.removeprefix(LAKE)) is None:
        raise AlmanacError(
            f"the lake at {lake.locate('')} holds {len(held):,} commits already: restore into an empty one "
            "(ALMANAC_HOME or ALMANAC_LAKE), or move that one away"
        )


def _refuse_a_running_collector(settings: Settings) -> None:
    if is_held(settings.log_dir / "lock"):
        raise AlmanacError(f"a collector runs on {settings.log_dir}: stop it first")


def _copy(source: Store, lake: Store, file: Held) -> None:
    path = file.path.removeprefix(LAKE)
    if not is_whole(lake, path, file):
        _get(source, file, lake, path)


def _restore_log(settings: Settings, source: Store, files: list[Held]) -> None:
    if not files:
        return
    settings.log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Beside it, so that a name stands for a whole file only; what an interrupted one left is written over.
    folder = LocalStore(settings.log_dir)
    for file in files:
        name = PurePosixPath(file.path).name
        if not PurePosixPath(name).match(PATTERN):
            raise AlmanacError(f"{name} is no log file: use another backup")
        path = settings.log_dir / name
        if not path.exists():
            _get(source, file, folder, name)
            path.chmod(0o600)
        elif not is_whole(folder, name, file):
            raise AlmanacError(f"{path} holds other events: let its collector land them, or move it away")
    shutil.rmtree(folder.temporary, ignore_errors=True)
    sync_folder(settings.log_dir)


def _get(source: Store, file: Held, target: Store, name: str) -> None:
    try:
        is_right = copy(source, file.path, target, name, file)
    except FileNotFoundError as error:
        raise AlmanacError(f"{file.path} of the backup is not there: use another backup") from error
    if not is_right:
        raise AlmanacError(f"{file.path} of the backup is damaged: use another backup")


def _read(source: Store, file: Held) -> bytes:
    try:
        data = source.read(file.path)
    except FileNotFoundError as error:
        raise AlmanacError(f"{file.path} of the backup is not there: use another backup") from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise AlmanacError(f"{file.path} of the backup is damaged: use another backup")
    return data
