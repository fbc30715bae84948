"""Watched folders and bucket prefixes: every delivered file once, whole, and whatever is wrong is said once."""

import gzip
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import obstore
import pytest
import yaml
from click.testing import CliRunner
from obstore.store import S3Store as Client

from almanac.errors import AlmanacError
from almanac.settings import ROOT, Settings
from ingestion.lake import Lake
from ingestion.sources.cli import COMMANDS
from ingestion.sources.file_source import FileSource
from ingestion.sources.inbox import BucketInbox, FolderInbox, Watch, open_inbox
from ingestion.sources.mapping import FOLDER
from tests import s3
from tests.integration.collector_process import eventually

HEADER = "id,at,price\n"
MAPPING = {
    "source": "orders",
    "tenant": "rentals",
    "time_zone": "Europe/Berlin",
    "currency": "EUR",
    "history_from": "2020-01-01",
    "columns": {"id": "string", "at": "timestamp", "price": "money"},
    "event": "'booking_confirmed'",
    "event_at": '"at"',
    "properties": {"booking_id": "id", "amount": "price"},
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A repository with the file source `orders`."""
    root = tmp_path / "root"
    copytree(ROOT / "ingestion" / "tracking_plan", root / "ingestion" / "tracking_plan")
    tenant = root / "ingestion" / "tracking_plan" / "tenants" / "rentals.yml"
    tenant.write_text(tenant.read_text().replace("sources:\n", "sources:\n  orders: {expected: never}\n"))
    (root / FOLDER).mkdir(parents=True)
    (root / FOLDER / "orders.yml").write_text(yaml.safe_dump(MAPPING))
    return Settings.for_home(tmp_path / "home", root)


@pytest.fixture
def source(settings: Settings) -> Iterator[FileSource]:
    with FileSource.open(settings, "orders") as opened:
        yield opened


def content(*ids: int) -> bytes:
    return (HEADER + "".join(f"B{n},2026-03-01 10:00:00,{n}.50\n" for n in ids)).encode()


def bookings(settings: Settings) -> list[str]:
    lake = Lake.open(settings)
    return sorted(row["booking_id"] for entry in lake.entries("events") for row in lake.read(entry).to_pylist())


def test_a_file_is_taken_when_it_has_stopped_growing(settings: Settings, source: FileSource, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    taken: list[str] = []
    watch = Watch(source, FolderInbox(folder), lambda name, _: taken.append(Path(name).name))
    (folder / "a.csv").write_bytes(content(1)[:-3])
    assert watch.take() == []
    (folder / "a.csv").write_bytes(content(1, 2))  # it was half there when it was seen first
    (folder / "deep" / "b.csv.gz").write_bytes(gzip.compress(content(3)))
    (folder / "notes.txt").write_text("no file of this format")
    assert watch.take() == []
    assert taken == []
    assert watch.take() == []
    assert taken == ["a.csv", "b.csv.gz"]
    assert watch.take() == []
    (folder / "c.csv").write_bytes(content(1, 2))  # the same content under another name
    watch.take()
    watch.take()
    assert taken == ["a.csv", "b.csv.gz", "c.csv"]
    assert bookings(settings) == ["B1", "B2", "B3"]


def test_a_malformed_file_is_said_once_until_it_is_mended(
    settings: Settings, source: FileSource, tmp_path: Path
) -> None:
    watch = Watch(source, FolderInbox(tmp_path), lambda *_: None)
    (tmp_path / "a.csv").write_bytes(HEADER.encode() + b"B1,soon,1\n")
    (tmp_path / "b.csv").write_bytes(content(2))
    (problem,) = watch.take(settled=True)
    assert problem.startswith(f"{tmp_path / 'a.csv'}, line 2, column at: 'soon' is not")
    assert watch.take(settled=True) == []
    assert bookings(settings) == ["B2"]
    (tmp_path / "a.csv").write_bytes(content(1))
    assert watch.take(settled=True) == []
    assert bookings(settings) == ["B1", "B2"]


def test_the_command_watches_until_it_is_told_to_end(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    env = {**os.environ, "ALMANAC_ROOT": str(settings.root), "ALMANAC_HOME": str(settings.home)}
    command = [
        sys.executable,
        "-m",
        "almanac",
        "ingest",
        str(folder),
        "--source",
        "orders",
        "--watch",
        "--every",
        "0.05",
    ]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said: list[str] = []
    assert process.stdout is not None
    reader = threading.Thread(target=lambda: said.extend(process.stdout or ()), daemon=True)
    reader.start()
    try:
        for n in (1, 2):
            (folder / f"{n}.csv").write_bytes(content(n))
            assert eventually(lambda n=n: len(bookings(settings)) == n, 60)  # type: ignore[misc]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
    reader.join(10)
    assert said[0].startswith(f"watching {folder} for orders")
    assert said[1:] == [f"{folder / name}: 1 row received (1 accepted, 0 quarantined)\n" for name in ("1.csv", "2.csv")]


@pytest.mark.parametrize(
    ("changes", "words"),
    [({}, "counts again: see docs/sources.md"), ({"natural_key": ["id"]}, "the first values count")],
)
def test_what_becomes_of_rows_that_come_again_is_said_once(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], words: str
) -> None:
    (settings.root / FOLDER / "orders.yml").write_text(yaml.safe_dump(MAPPING | changes))
    monkeypatch.setenv("ALMANAC_ROOT", str(settings.root))
    monkeypatch.setenv("ALMANAC_HOME", str(settings.home))
    # One look at a folder that is whole, without the process that would make two of them.
    monkeypatch.setattr(Watch, "run", lambda self, *_: self.take(settled=True))
    said = []
    for numbers in ((1,), (2, 3, 4), (4,)):
        for n in numbers:
            (tmp_path / f"{n}.csv").write_bytes(content(n))
        said.append(CliRunner().invoke(COMMANDS["ingest"], [str(tmp_path), "--source", "orders", "--watch"]).stderr)
    assert [text.count(words) for text in said] == [0, 1, 0]


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    try:
        with s3.server() as endpoint:
            yield endpoint
    except s3.NoServer as error:
        pytest.skip(str(error))


def test_a_prefix_of_a_bucket_gives_its_objects_once(
    settings: Settings, source: FileSource, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = s3.new_bucket(store)
    client = Client(
        place.bucket,
        config={
            "endpoint": store,
            "access_key_id": place.key_id,
            "secret_access_key": place.secret,
            "region": place.region,
            "virtual_hosted_style_request": False,
        },
        client_options={"allow_http": True},
    )
    put: Callable[[str, bytes], object] = lambda name, data: obstore.put(client, name, data)  # noqa: E731
    put("inbox/2026/a.csv", content(1, 2))
    put("inbox/b.csv.gz", gzip.compress(content(3)))
    put("inbox/bad.csv", HEADER.encode() + b"B9,soon,1\n")
    put("elsewhere/c.csv", content(4))
    address = f"s3://{place.bucket}/inbox"
    access = {
        "ALMANAC_LAKE_ENDPOINT": store,
        "ALMANAC_LAKE_KEY_ID": place.key_id,
        "ALMANAC_LAKE_SECRET": place.secret,
    }
    reached = replace(settings, store_access=tuple(access.items()))
    taken: list[str] = []
    watch = Watch(source, open_inbox(reached, address), lambda name, _: taken.append(name))
    (problem,) = watch.take()
    assert problem.startswith(f"{address}/bad.csv, line 2, column at")
    assert taken == [f"{address}/2026/a.csv", f"{address}/b.csv.gz"]
    put("inbox/d.csv", content(5))
    assert watch.take() == []
    assert taken[2:] == [f"{address}/d.csv"]
    assert bookings(settings) == ["B1", "B2", "B3", "B5"]
    for name, value in {**access, "ALMANAC_ROOT": str(settings.root), "ALMANAC_HOME": str(settings.home)}.items():
        monkeypatch.setenv(name, value)
    again = CliRunner().invoke(COMMANDS["ingest"], [address, "--source", "orders"])
    assert again.exit_code == 1  # for the malformed one
    assert again.stdout == "".join(f"{address}/{name}: known\n" for name in ("2026/a.csv", "b.csv.gz", "d.csv"))
    assert place.secret not in repr(reached)


def test_a_place_that_cannot_be_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(AlmanacError, match="is no folder"):
        open_inbox(settings, str(tmp_path / "gone"))
    with pytest.raises(AlmanacError, match="needs a key id"):
        open_inbox(settings, "s3://bucket/prefix")
    keys = (("ALMANAC_LAKE_KEY_ID", "a"), ("ALMANAC_LAKE_SECRET", "b"))
    with pytest.raises(AlmanacError, match="names a whole bucket"):
        BucketInbox(replace(settings, store_access=keys), "s3://bucket")
    said = CliRunner().invoke(COMMANDS["ingest"], [str(tmp_path), "--watch"])
    assert said.exit_code == 2
