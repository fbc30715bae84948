"""The lake's tail: log and lake together hold every acknowledged event once, at any moment."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

from almanac.settings import Settings
from ingestion.collector import records
from ingestion.collector.door import Verdict
from ingestion.collector.land_log import grouped, land_file
from ingestion.collector.log_files import LogFile, load
from ingestion.events_cli import events as events_command
from ingestion.lake import Lake
from ingestion.lake_manifest import Entry, Kind
from ingestion.lake_tail import LakeTail, Tail
from ingestion.tracking_plan import Plan, load_plan

PLAN = load_plan()
DAYS = (datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC), datetime(2026, 5, 2, 0, 0, 1, tzinfo=UTC))


class World:
    """A collector's log folder and its lake, changed step by step as collector and flusher do."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings.for_home(home)
        self.folder = self.settings.log_dir
        self.folder.mkdir(parents=True)
        self.lake = RacingLake(self.settings, PLAN)
        self.acknowledged: Counter[str] = Counter()
        self.files = 0
        self.sealed: list[Path] = []
        self.current = self._new()

    def _new(self) -> LogFile:
        self.files += 1
        return LogFile(self.folder / f"wal-1-{self.files:06d}.log", sync=lambda _: None)

    def write(self, tenant: str = "rentals", day: int = 0, count: int = 2) -> None:
        """A request is acknowledged; every third event of it is unheard of."""
        raws = []
        for _ in range(count):
            number = self.acknowledged.total()
            name = "Unheard Of" if number % 3 == 0 else "signup_completed"
            message = {"type": "track", "event": name, "userId": "u", "messageId": f"m{number}", "properties": {}}
            raws.append(json.dumps(message, separators=(",", ":")).encode())
            self.acknowledged[f"m{number}"] += 1
        verdicts = [Verdict(raw) for raw in raws]
        self.current.append([records.encode(tenant, "web", DAYS[day], count, verdicts)])

    def seal(self) -> None:
        if not self.current.is_empty:
            self.sealed.append(self.current.path)
            self.current.close()
            self.current = self._new()

    def land(self) -> None:
        """The oldest sealed file is landed, for all or, as in the middle of it, for one tenant."""
        if self.sealed:
            land_file(self.lake, self.sealed[0])

    def land_one(self) -> None:
        if self.sealed:
            content = load(self.sealed[0])
            (tenant, source), group = next(iter(grouped(content.records).items()))
            self.lake.land(
                tenant, source, group.events(), content_hash=content.content_hash, received=group.received, most_rows=3
            )

    def delete(self) -> None:
        if self.sealed:
            self.land()
            self.sealed.pop(0).unlink()

    def torn(self) -> None:
        """A write that has not come to its end, and is taken back."""
        size = self.current.path.stat().st_size
        with self.current.path.open("ab") as file:
            file.write(b"\x10\x00\x00\x00half")
        with LakeTail(Lake.open(self.settings, PLAN), self.folder) as other:
            other.read()
        with self.current.path.open("ab") as file:
            file.truncate(size)


class RacingLake(Lake):
    """A lake in which something happens just before its entries are read, and just after that."""

    between: Callable[[], None] = staticmethod(lambda: None)
    afterwards: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, settings_: Settings, plan: Plan) -> None:
        opened = Lake.open(settings_, plan)
        self.__dict__.update(opened.__dict__)

    def entries(self, kind: Kind | None = None) -> list[Entry]:
        between, self.between = self.between, lambda: None
        between()
        found = super().entries(kind)
        afterwards, self.afterwards = self.afterwards, lambda: None
        afterwards()
        return found


def seen(lake: Lake, found: Tail) -> Counter[str]:
    """The client's message ids in the files of the entries and in the tail."""
    ids: Counter[str] = Counter()
    for entry in found.entries:
        if entry.kind == "events":
            ids.update(lake.read(entry)["original_message_id"].to_pylist())
        elif entry.kind == "quarantine":
            ids.update(json.loads(text)["messageId"] for text in lake.read(entry)["payload"].to_pylist())
    ids.update(found.events["original_message_id"].to_pylist())
    ids.update(json.loads(text)["messageId"] for text in found.quarantine["payload"].to_pylist())
    return ids


WRITES = ("write", "advisory", "tomorrow", "many")
steps = st.sampled_from([*WRITES, "write", "seal", "land", "land_one", "delete", "torn"])


def do(world: World, step: str) -> None:
    if step in WRITES:
        tenant = "advisory" if step == "advisory" else "rentals"
        world.write(tenant, day=int(step == "tomorrow"), count=7 if step == "many" else 2)
    else:
        getattr(world, step)()


@pytest.fixture(autouse=True)
def small_parts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingestion.collector.land_log.PART_ROWS", 3)
        patch.setattr("ingestion.lake_tail.PART_ROWS", 3)
        yield


@pytest.mark.parametrize("examples", [25, pytest.param(1_000, marks=pytest.mark.deep)])
def test_at_any_moment_log_and_lake_hold_every_acknowledged_event_once(
    examples: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever collector and flusher do between two looks, and between the steps of one look."""

    @settings(max_examples=examples, deadline=None)
    @example([(["write", "seal"], ["write", "delete"])])  # landed and deleted after the manifest was read
    @example([(["write", "seal"], ["delete", "write"])])  # and just before
    @given(st.lists(st.tuples(st.lists(steps, max_size=4), st.lists(steps, max_size=4)), min_size=1, max_size=5))
    def run(looks: list[tuple[list[str], list[str]]]) -> None:
        world = World(tmp_path_factory.mktemp("tail"))
        added: Counter[str] = Counter()
        with LakeTail(world.lake, world.folder) as tail:
            for before, meanwhile in looks:
                for step in before:
                    do(world, step)
                acknowledged = world.acknowledged.copy()
                world.lake.between = lambda steps=meanwhile[::2]: [do(world, step) for step in steps]  # type: ignore[misc]
                world.lake.afterwards = lambda steps=meanwhile[1::2]: [do(world, s) for s in steps]  # type: ignore[misc]
                found = seen(world.lake, tail.read())
                assert acknowledged - found == Counter()  # nothing is missing
                assert found - world.acknowledged == Counter()  # nothing twice, nothing invented
                added += seen(world.lake, tail.added)
            assert max(added.values(), default=1) == 1

    run()


def test_the_rows_of_the_tail_are_those_of_the_landing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write()
    world.write("advisory", day=1)
    with LakeTail(world.lake, world.folder) as tail:
        before = tail.read()
        assert before.entries == []
        assert tail.read().events == before.events  # and again, although there is nothing new in the log
        assert tail.added.events.num_rows == tail.added.quarantine.num_rows == 0
        world.seal()
        world.land()
        after = tail.read()
    assert after.events.num_rows == after.quarantine.num_rows == 0
    for kind, rows in (("events", before.events), ("quarantine", before.quarantine)):
        landed = [row for entry in world.lake.entries(kind) for row in world.lake.read(entry).to_pylist()]  # type: ignore[arg-type]
        # A file leaves out the columns that none of its rows fills.
        both = [_told(row) for row in landed + rows.to_pylist()]
        assert rows.num_rows == len(both) / 2 > 0
        assert sorted(both[: len(landed)], key=str) == sorted(both[len(landed) :], key=str)


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sorted(row.items()) if value is not None and name != "file_id"}


def test_the_command_shows_what_was_accepted_and_what_was_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALMANAC_HOME", str(tmp_path))
    runner = CliRunner()
    assert "start one with `almanac collect`" in str(runner.invoke(events_command, ["tail"]).exception)
    world = World(tmp_path)
    world.write()
    shown = runner.invoke(events_command, ["tail"]).output.splitlines()
    assert len(shown) == 2
    assert "rejected  rentals/web  Unheard Of  unknown_event  event: " in shown[0]
    assert "accepted  rentals/web  signup_completed  u  {}" in shown[1]
    rows = [json.loads(line) for line in runner.invoke(events_command, ["tail", "--json"]).output.splitlines()]
    assert [(row["verdict"], row.get("code")) for row in rows] == [("rejected", "unknown_event"), ("accepted", None)]
    assert "Nothing waits" in runner.invoke(events_command, ["tail", "--tenant", "advisory"]).output
    assert "use one of" in str(runner.invoke(events_command, ["tail", "--tenant", "nobody"]).exception)
