"""The files of the log: durable, private, mended after a crash, set aside when they are damaged."""

import logging
import os
import zlib
from hashlib import sha256
from pathlib import Path

import pytest

from almanac.errors import AlmanacError
from ingestion.collector import frames, log_files
from ingestion.collector.growing_log import GrowingLog
from ingestion.collector.log_files import DAMAGED, LogFile, load, mend


def write(folder: Path, name: str, *groups: list[bytes]) -> Path:
    """A closed log file with these groups."""
    file = LogFile(folder / f"wal-{name}.log")
    for group in groups:
        file.append(group)
    os.close(file._fd)
    return file.path


def test_a_closed_file_is_read_as_it_was_written_and_known_by_its_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [b"a", b"b"], [b"c"])
    twin = write(tmp_path, "2", [b"a", b"b"], [b"c"])
    assert load(path).records == [b"a", b"b", b"c"]
    assert load(path) == load(path)
    assert load(path).content_hash != load(twin).content_hash  # the same events twice are two landings


def test_a_file_of_the_layout_before_keeps_the_hash_under_which_it_may_have_been_landed(tmp_path: Path) -> None:
    head = frames._HEADER.pack(b"ALMWAL\x00\x01", bytes(range(16)), 1_700_000_000_000_000)
    data = head + frames._CRC.pack(zlib.crc32(head))
    data += b"".join(frames.frame(bytes(range(16)), group) for group in ([b"a", b"b"], [b"c"]))
    path = tmp_path / "wal-1.log"
    path.write_bytes(data)
    assert load(path).records == [b"a", b"b", b"c"]
    assert load(path).content_hash == sha256(data).hexdigest()


def test_a_file_larger_than_what_is_read_at_once_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [[b"a" * size] for size in (1, 90, 40, 7, 300, 2)]
    path = write(tmp_path, "1", *groups)
    whole = load(path)
    for piece in (1, 8, 50, 64, 500):
        monkeypatch.setattr(log_files, "_PIECE", piece)
        assert load(path) == whole
        log = GrowingLog(path)
        assert (log.read_on()[0], log.content_hash) == (whole.records, whole.content_hash)
        log.close()
    assert whole.records == [record for group in groups for record in group]


def test_nobody_else_may_read_a_log_file(tmp_path: Path) -> None:
    assert write(tmp_path, "1", [b"a"]).stat().st_mode & 0o077 == 0


def test_every_append_is_synced_before_it_returns(tmp_path: Path) -> None:
    sizes: list[int] = []
    path = tmp_path / "wal-1.log"
    file = LogFile(path, sync=lambda fd: sizes.append(os.fstat(fd).st_size))
    for group in ([b"a"], [b"b", b"c"]):
        file.append(group)
        assert sizes[-1] == file.durable == path.stat().st_size
    assert len(sizes) == 3  # the header, and one for each group


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr("os.write", lambda fd, data: real(fd, bytes(data)[:7]))
    path = write(tmp_path, "1", [b"x" * 100], [b"y" * 50])
    assert load(path).records == [b"x" * 100, b"y" * 50]


def test_what_a_failed_sync_left_can_be_trimmed(tmp_path: Path) -> None:
    fails = False

    def sync(fd: int) -> None:
        if fails:
            raise OSError(5, "Input/output error")

    file = LogFile(tmp_path / "wal-1.log", sync)
    file.append([b"safe"])
    fails = True
    with pytest.raises(OSError, match="Input/output"):
        file.append([b"lost"])
    assert file.path.stat().st_size > file.durable
    fails = False
    file.trim()
    file.close()
    assert load(file.path).records == [b"safe"]


def test_mending_cuts_a_torn_end_and_says_how_much(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path, "1", [b"a"], [b"b" * 100])
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert mend(tmp_path) == [path]
    assert load(path).records == [b"a"]
    torn = len(frames.frame(bytes(16), [b"b" * 100])) - 10
    assert f"wal-1.log: cut off {torn} bytes" in caplog.text
    assert mend(tmp_path) == [path]  # again: nothing to do


def test_mending_removes_files_without_records_and_keeps_the_order(tmp_path: Path) -> None:
    for name in ("3", "1", "2"):
        write(tmp_path, name, [name.encode()])
    write(tmp_path, "4")
    (tmp_path / "wal-5.log").write_bytes(b"ALMW")
    (tmp_path / "other.txt").write_text("not ours")
    assert [path.name for path in mend(tmp_path)] == ["wal-1.log", "wal-2.log", "wal-3.log"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.txt", "wal-1.log", "wal-2.log", "wal-3.log"]


def test_a_damaged_file_is_set_aside_whole_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path, "1", [b"first"], [b"second"], [b"third"])
    good = write(tmp_path, "2", [b"good"])
    damaged = path.read_bytes().replace(b"second", b"sEcond")
    path.write_bytes(damaged)
    with caplog.at_level(logging.ERROR):
        assert mend(tmp_path) == [good]
    assert (tmp_path / DAMAGED / "wal-1.log").read_bytes() == damaged
    assert "wal-1.log is damaged: a bad frame at byte" in caplog.text
    assert "not landed" in caplog.text


def test_a_file_that_changed_after_it_was_closed_is_not_landed(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [b"first"], [b"second"])
    path.write_bytes(path.read_bytes().replace(b"first", b"fXrst"))
    with pytest.raises(AlmanacError, match=r"wal-1\.log changed after it was closed: a bad frame at byte"):
        load(path)
