"""The write-ahead log: success only after the sync, one sync for all that wait, no success after a failed one."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from ingestion.collector.log_files import load
from ingestion.collector.problems import Problem
from ingestion.collector.wal import Wal


class Disk:
    """A disk whose syncs can be held up, made to fail, and counted."""

    def __init__(self) -> None:
        self.syncs = 0
        self.error: OSError | None = None
        self.may_sync = threading.Event()
        self.may_sync.set()

    def sync(self, fd: int) -> None:
        self.syncs += 1
        assert self.may_sync.wait(20)
        if self.error is not None:
            raise self.error
        os.fdatasync(fd)


def records(wal: Wal) -> list[bytes]:
    return [record for path in wal.sealed() for record in load(path).records]


async def until_waiting(disk: Disk, syncs: int) -> None:
    """Return when the disk was asked for its n-th sync."""
    async with asyncio.timeout(20):
        while disk.syncs < syncs:
            await asyncio.sleep(0)


def test_nobody_hears_success_before_the_sync_returned(tmp_path: Path) -> None:
    async def scenario() -> None:
        disk = Disk()
        wal = Wal(tmp_path, sync=disk.sync)
        disk.may_sync.clear()
        first = asyncio.create_task(wal.append(b"first"))
        await until_waiting(disk, 2)  # the header's, then this one
        assert not first.done()
        disk.may_sync.set()
        await first
        wal.close()
        assert records(wal) == [b"first"]

    asyncio.run(scenario())


def test_all_that_arrive_during_a_sync_share_the_next_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        disk = Disk()
        wal = Wal(tmp_path, sync=disk.sync)
        disk.may_sync.clear()
        tasks = [asyncio.create_task(wal.append(b"0"))]
        await until_waiting(disk, 2)
        tasks += [asyncio.create_task(wal.append(str(n).encode())) for n in range(1, 200)]
        await asyncio.sleep(0)
        disk.may_sync.set()
        await asyncio.gather(*tasks)
        assert disk.syncs == 3
        wal.close()
        assert records(wal) == [str(n).encode() for n in range(200)]  # in the order in which they came

    asyncio.run(scenario())


def test_requests_that_are_ready_together_share_the_first_sync_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        disk = Disk()
        wal = Wal(tmp_path, sync=disk.sync)
        before = disk.syncs
        await asyncio.gather(*[wal.append(str(n).encode()) for n in range(50)])
        assert disk.syncs == before + 1
        wal.close()
        assert records(wal) == [str(n).encode() for n in range(50)]

    asyncio.run(scenario())


def test_a_failed_sync_is_answered_503_to_all_and_never_repeated(tmp_path: Path) -> None:
    async def scenario() -> None:
        disk = Disk()
        wal = Wal(tmp_path, sync=disk.sync)
        await wal.append(b"safe")
        disk.error = OSError(5, "Input/output error")
        disk.may_sync.clear()
        before = disk.syncs
        tasks = [asyncio.create_task(wal.append(b"lost 1"))]
        await until_waiting(disk, before + 1)
        tasks.append(asyncio.create_task(wal.append(b"lost 2")))
        await asyncio.sleep(0)
        disk.may_sync.set()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(outcome, Problem)
            assert (outcome.status, outcome.code) == (503, "storage_error")
            assert (b"retry-after", b"5") in outcome.headers
        syncs = disk.syncs
        disk.error = None  # as the kernel would have it: the next sync "succeeds"
        with pytest.raises(Problem):
            await wal.append(b"lost 3")
        assert disk.syncs == syncs
        await asyncio.to_thread(wal.try_again)
        await wal.append(b"safe again")
        await asyncio.to_thread(wal.close)
        assert records(wal) == [b"safe", b"safe again"]

    asyncio.run(scenario())


def test_as_long_as_the_disk_fails_nothing_is_accepted(tmp_path: Path) -> None:
    async def scenario() -> None:
        disk = Disk()
        wal = Wal(tmp_path, sync=disk.sync)
        await wal.append(b"safe")
        disk.error = OSError(28, "No space left on device")
        for _ in range(3):
            with pytest.raises(Problem):
                await wal.append(b"lost")
            await asyncio.to_thread(wal.try_again)
            assert wal.trouble is not None
        await asyncio.to_thread(wal.close)
        assert wal.sealed() == []  # left for the next start, which cuts off what nobody was told is safe

    asyncio.run(scenario())
    again = Wal(tmp_path)
    assert records(again)[0] == b"safe"
    again.close()


def test_a_file_is_sealed_when_it_is_large_and_when_asked(tmp_path: Path) -> None:
    async def scenario() -> None:
        wal = Wal(tmp_path, file_bytes=1000)
        sealed = asyncio.Event()
        loop = asyncio.get_running_loop()
        wal.on_sealed = lambda: loop.call_soon_threadsafe(sealed.set)
        await wal.append(b"x" * 1000)
        await asyncio.wait_for(sealed.wait(), 20)
        assert len(wal.sealed()) == 1
        await wal.append(b"y")
        await asyncio.to_thread(wal.seal)
        await asyncio.to_thread(wal.seal)  # nothing new: no new file
        assert len(wal.sealed()) == 2
        assert wal.backlog_bytes == sum(path.stat().st_size for path in wal.sealed())
        await asyncio.to_thread(wal.close)

    asyncio.run(scenario())


def test_a_nearly_full_disk_is_refused_before_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        wal = Wal(tmp_path)
        await wal.append(b"safe")
        with monkeypatch.context() as patch:
            patch.setattr("ingestion.collector.wal.has_room", lambda _: False)
            await asyncio.to_thread(wal.seal)
            with pytest.raises(Problem) as caught:
                await wal.append(b"lost")
            assert (caught.value.status, caught.value.code) == (503, "storage_full")
            await asyncio.to_thread(wal.try_again)
            assert wal.trouble is not None
        await asyncio.to_thread(wal.try_again)
        await wal.append(b"safe again")
        await asyncio.to_thread(wal.close)
        assert records(wal) == [b"safe", b"safe again"]

    asyncio.run(scenario())


def test_a_closed_log_accepts_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        wal = Wal(tmp_path)
        await wal.append(b"safe")
        await asyncio.to_thread(wal.close)
        with pytest.raises(Problem) as caught:
            await wal.append(b"late")
        assert caught.value.code == "draining"
        assert records(wal) == [b"safe"]

    asyncio.run(scenario())


def test_what_a_dead_process_left_is_there_to_be_landed(tmp_path: Path) -> None:
    async def scenario() -> None:
        wal = Wal(tmp_path)
        await wal.append(b"safe")  # and then the process dies without closing anything

    asyncio.run(scenario())
    again = Wal(tmp_path)
    assert records(again) == [b"safe"]
    again.close()
