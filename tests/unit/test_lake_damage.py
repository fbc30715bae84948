"""A damaged lake stops a build before it touches anything, with the file's name and what to do; a whole one goes on."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from almanac.build import run_build
from almanac.engines import open_warehouse
from almanac.errors import AlmanacError
from almanac.load_log import LoadLog
from almanac.locks import exclusive
from almanac.settings import Settings
from ingestion.lake import Lake
from ingestion.lake_cli import COMMANDS
from tests.small_lake import FIRST_DAY, land_day

BAD = {"type": "track", "event": "unheard_of", "anonymousId": "a"}


class Reached(Exception):
    """The build got as far as dbt."""


class NoDbt:
    """What runs dbt in a build, and must not be asked."""

    def build(self, *_: object, **__: object) -> None:
        raise Reached


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a lake of two landings of one day and one of another tenant."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings.for_home(home)
    land_day(settings, FIRST_DAY, extra=[BAD])
    land_day(settings, FIRST_DAY, tag="more")
    land_day(settings, FIRST_DAY, tenant="advisory")
    return home


@pytest.fixture
def settings(whole: Path, tmp_path: Path) -> Settings:
    shutil.copytree(whole, tmp_path / "home")
    return Settings.for_home(tmp_path / "home")


def test_a_whole_lake_is_built(settings: Settings) -> None:
    with pytest.raises(Reached):
        run_build(settings, runner=NoDbt())  # type: ignore[arg-type]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)


def rewritten(change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        sink = io.BytesIO()
        pq.write_table(change(pq.read_table(path, partitioning=None)), sink)
        path.write_bytes(sink.getvalue())

    damage.__name__ = change.__name__
    return damage


def a_column_less(table: pa.Table) -> pa.Table:
    return table.drop_columns(["received_at" if "received_at" in table.column_names else "received"])


def another_type(table: pa.Table) -> pa.Table:
    return table.set_column(1, "source", pa.array([1] * table.num_rows, pa.int32()))


def another_tenant(table: pa.Table) -> pa.Table:
    return table.set_column(0, "tenant", pa.array(["advisory"] * table.num_rows))


DAMAGES = [
    cut, emptied, zeroed, flipped, rewritten(a_column_less), rewritten(another_type), rewritten(another_tenant),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["events", "quarantine", "counters"])
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_35_a_file_that_is_not_what_was_written_stops_the_build(
    settings: Settings, damage: Callable[[Path], None], kind: str
) -> None:
    lake = Lake.open(settings)
    entry = lake.entries(kind)[0]  # type: ignore[arg-type]
    damage(Path(lake.locate(entry.path)))
    stops(settings, "lake_file_corrupt", entry.path, "restore it from a copy of the lake")


def test_35_a_file_that_is_gone_stops_the_build(settings: Settings) -> None:
    lake = Lake.open(settings)
    for entry in lake.entries():
        Path(lake.locate(entry.path)).rename(settings.home / "away")
        stops(settings, "lake_file_missing", entry.path, "restore it from a copy of the lake")
        (settings.home / "away").rename(Path(lake.locate(entry.path)))
    with pytest.raises(Reached):
        run_build(settings, runner=NoDbt())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["part.tmp", ".tmp-9.parquet", "copy.parquet", "0a8b5a3e-0000-4000-8000-000000000000.parquet"]
)
def test_35_a_file_that_nobody_knows_stops_the_build(settings: Settings, name: str) -> None:
    lake = Lake.open(settings)
    known = lake.entries("events")[0].path
    path = f"{known.rsplit('/', 1)[0]}/{name}"
    shutil.copy(Path(lake.locate(known)), Path(lake.locate(path)))
    stops(settings, "unmanaged_file", path, "move the file out of the lake")
    Path(lake.locate(path)).unlink()
    with pytest.raises(Reached):
        run_build(settings, runner=NoDbt())  # type: ignore[arg-type]


def test_a_lost_commit_document_is_not_taken_for_a_landing_that_never_was(settings: Settings) -> None:
    """Its events would silently leave every number."""
    (settings.lake / "manifest" / f"{next(iter(Lake.open(settings).entries('events')[0].parts))}.json").unlink()
    path = next(problem.path for problem in Lake.open(settings).verify())
    stops(settings, "unmanaged_file", path, "restore its document (manifest/ or checkpoints/) from a copy")


def stops(settings: Settings, code: str, path: str, todo: str) -> None:
    """The build, `almanac lake verify` and nothing else say it; the load log still holds all landings unbuilt."""
    with pytest.raises(AlmanacError) as caught:
        run_build(settings, runner=NoDbt())  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.startswith("the lake is damaged, nothing was built: ")
    assert f"{code}: {path}: " in message
    assert todo in message
    with open_warehouse(settings) as engine:
        log = LoadLog(engine)
        assert log.state("full_refresh") is None
        assert engine.execute("select * from ctl.file where built_version is not null") == []
    done = run(settings, "verify")
    assert done.exit_code == 1
    assert f"{code}: {path}: " in done.output
    assert all(line.split(":")[0] in (code, "lake_file_corrupt") for line in done.output.splitlines())


# The command line


def run(settings: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(COMMANDS["lake"], list(arguments), env={"ALMANAC_HOME": str(settings.home)})


def test_a_whole_lake_is_verified_measured_and_compacted(settings: Settings) -> None:
    done = run(settings, "verify")
    assert (done.exit_code, done.output.split(",")[0]) == (0, "7 files")
    assert "every one is what was written" in done.output
    before = {one["tenant"]: one for one in map(json.loads, run(settings, "stats", "--json").output.splitlines())}
    assert list(before) == ["advisory", "rentals"]
    rentals = before["rentals"]
    assert rentals["bytes"] > 10_000
    assert {**rentals, "bytes": 0} == {
        "tenant": "rentals", "days": 1, "files": 5, "rows": 44, "bytes": 0, "quarantined": 1,
        "oldest": "2026-03-02T20:00:00.000000", "newest": "2026-03-02T20:00:21.000000",
        "small_files": 4, "pending_deletes": 0,
    }  # fmt: skip
    assert run(settings, "compact").output == "4 files became 2; 0 old ones deleted, 4 wait\n"
    (after,) = map(json.loads, run(settings, "stats", "--json", "--tenant", "rentals").output.splitlines())
    assert (after["files"], after["rows"], after["small_files"], after["pending_deletes"]) == (3, 44, 0, 4)
    head, _, *rows = run(settings, "stats").output.splitlines()
    assert head.split()[0] == "tenant"
    assert [row.split()[0] for row in rows] == ["advisory", "rentals"]


def test_replaced_files_are_not_deleted_while_a_build_runs(settings: Settings) -> None:
    run(settings, "compact")
    with exclusive(settings.home / "warehouse" / "duckdb.lock", "a build"):
        assert run(settings, "compact", "--keep-hours", "0").output == "0 files became 0; 0 old ones deleted, 4 wait\n"
    assert run(settings, "compact", "--keep-hours", "0").output == "0 files became 0; 4 old ones deleted, 0 wait\n"


def test_a_tenant_that_the_lake_does_not_hold_is_an_error(settings: Settings) -> None:
    for command in ("compact", "stats"):
        done = run(settings, command, "--tenant", "nobody")
        assert isinstance(done.exception, AlmanacError)
        assert "holds no tenant 'nobody'" in str(done.exception)
