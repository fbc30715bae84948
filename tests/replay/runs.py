"""Plays one random history: landings, compactions, erasures, restores, runs of which some fail; with the reference."""

import hashlib
import json
import random
import shutil
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

from almanac.build import run_build
from almanac.compare import compare
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from ingestion.lake_tables import Table, TableRow, land_rows
from tests.golden import golden
from tests.replay.histories import ZONES, Copy, World, message
from tests.replay.project import FAILING, FailingDbt, settings_for
from tests.replay.reference import accepted, local_date, report
from tests.replay.warehouse import ASIDE, MEASURED, measured, row_counts

RUNS = 7
EARLY = ("int_events__keys",)  # before any row of a pending landing is built
MADE_ANEW = ("kpi_values",)  # of those that fail: by then all that remembers is built
LATE = ("fact_sessions", "int_bookings__movements", "kpi_values")
Aim = Literal["full refresh", "restore", "compaction"]
LATER = date(2100, 1, 1)  # a date on which all days of the histories are closed


class History:
    """One history on its own lake and warehouse; `aim` makes one kind of failure frequent."""

    def __init__(self, seed: int, root: Path, home: Path, dbt: FailingDbt, aim: Aim | None = None) -> None:
        self.aim = aim
        self.world = World.of(seed)
        self.settings = settings_for(root, home)
        self.dbt = dbt
        self.home = home
        self._saved: tuple[Path, dict[str, list[Copy]]] | None = None
        self._restore_next = False
        self._built = False
        self._failed_full = False
        self._failed = False
        self._unbuilt: set[str] = set()  # landings since the last whole build
        self._compactions = random.Random(seed)  # of its own, so that the rest of a history is as without compaction
        self._fetches = random.Random(f"fetches {seed}")
        self._business = random.Random(f"business {seed}")
        self._levels = random.Random(f"levels {seed}")
        self._tellings = 0

    @property
    def seen(self) -> Counter[str]:
        """How often each rare thing happened."""
        return self.world.seen

    def play(self, runs: int = RUNS) -> None:
        """Run the whole history; raises AssertionError at the first difference from the reference."""
        for number in range(runs):
            self._step()
            self.dbt.data_tests = number == runs - 1  # what is compared is stronger than they are
            self.dbt.for_models = () if number == runs - 1 else (*self.dbt.remembering(self.settings), *MEASURED)
            self._run(last=number == runs - 1)
        self._compact()
        assert not run_build(self.settings, runner=self.dbt).built, "compaction alone was work for a build"

    def replay(self) -> dict[str, tuple[int, int]]:
        """Build a second warehouse from the same lake and return the relations that differ from the first."""
        other = settings_for(self.settings.root, self.home / "replay", self.settings.lake)
        self.dbt.data_tests = False  # they have passed over the same rows, or the rows differ
        result = run_build(other, runner=self.dbt, full_refresh=True)
        assert result.succeeded, result.failed
        return compare(self.settings.warehouse, other.warehouse).differing

    def rows(self) -> dict[str, int]:
        """How many rows each relation held at the end."""
        return row_counts(self.settings.warehouse)

    def _step(self) -> None:
        rng = self.world.random
        if self._restore_next:
            self._restore()
        if self._failed and (self.aim == "compaction" or self._compactions.random() < 0.5):
            self._compact()
        for _ in range(rng.randint(1, 4)):
            tenant, copies = self.world.batch()
            self._land(tenant, copies)
        self._fetch()
        self._tell()
        for share in (0.4, 0.2):  # before and after an erasure
            if self._compactions.random() < share:
                self._compact()
            if share == 0.4 and self._built and (self.aim == "restore" or rng.random() < 0.6):
                self._erase()

    def _fetch(self) -> None:
        """Rows of a foreign table: few keys, cursors that repeat, go back or are missing."""
        rng = self._fetches
        table = Table(rng.choice(["rentals", "advisory"]), "shop", "orders")
        rows = [
            TableRow(f"[{rng.randrange(4)}]", rng.choice([None, "01", "02", "03"]), json.dumps({"n": rng.randrange(9)}))
            for _ in range(rng.randint(1, 3))
        ]
        land_rows(Lake.open(self.settings), table, rows, datetime(2026, 10, rng.randint(1, 5), tzinfo=UTC))

    def _tell(self) -> None:
        """What a business tells besides: every kind at first, then some again, also the same ones with other words."""
        rng, lake = self._business, Lake.open(self.settings)
        arrivals = self._told_of(
            rng, golden.BUSINESS, golden.CHOICES, golden.LEDGER, golden.COMMUNITY, golden.PLATFORM
        ) + self._told_of(self._levels, golden.LEVELS)
        content = hashlib.sha256(repr(arrivals).encode()).hexdigest()
        received = Counter(a.received_at.date() for a in arrivals)
        landed = lake.land(rng.choice(sorted(ZONES)), ASIDE, arrivals, content_hash=content, received=received)
        assert not landed.quarantined
        self._tellings += 1

    def _told_of(self, rng: random.Random, *files: str) -> list[Arrival]:
        """Everything that the files tell, or later some of it, at other times.

        Later tellings may arrive on later days, so that the newest data moves on with the runs and periods complete.
        """
        pool = [event for _, event in golden.events(*files)]
        arrivals = []
        for event in rng.sample(pool, rng.randint(1, 8)) if self._tellings else pool:
            newest = min(5, 1 + self._tellings)
            received_at = datetime(2026, 10, rng.randint(1, newest), rng.randrange(24), tzinfo=UTC)
            at = received_at - timedelta(hours=rng.randrange(48))
            number = event["id"] + 1000 * rng.randrange(2)
            sent = golden.message(event | {"id": number, "user": ASIDE, "at": f"{at:%Y-%m-%dT%H:%M:%SZ}"})
            arrivals.append(Arrival(received_at, sent))
        return arrivals

    def _run(self, *, last: bool) -> None:
        rng, seen = self.world.random, self.world.seen
        # What was asked for once must be finished by a run that does not ask for it again.
        full = not self._failed_full and rng.random() < (0.7 if self.aim == "full refresh" else 0.12)
        if self._built and not last and rng.random() < (0.6 if self.aim else 0.35):
            self.dbt.fails = rng.choice(self._failing())
            if self.dbt.fails in MADE_ANEW:
                self.dbt.for_models = ()
            result = run_build(self.settings, runner=self.dbt, full_refresh=full)
            assert not result.succeeded, "a planned failure did not fail"
            seen["failed run"] += 1
            self._failed = True
            self._failed_full = self._failed_full or full
            seen["failed full refresh"] += full
            self._restore_next = self._saved is not None and (self.aim == "restore" or rng.random() < 0.7)
            return
        result = run_build(self.settings, runner=self.dbt, full_refresh=full)
        assert result.succeeded, (self.world.seed, [(n.name, n.message) for n in result.failed], result.error)
        self._built, self._saved, self._restore_next, self._failed_full = True, None, False, False
        self._failed, self._unbuilt = False, set()
        self._check()

    def _failing(self) -> tuple[str, ...]:
        """The models of which one fails: where the aimed mistake shows."""
        if self.aim is None:
            return (*FAILING, "int_events__keys", "fact_events")
        return EARLY if self.aim == "compaction" else LATE

    def _check(self) -> None:
        expected, found = report(self.world.copies(), ZONES), measured(self.settings.warehouse)
        self.world.seen["session over local midnight"] += sum(
            local_date(start, ZONES[tenant]) != local_date(end, ZONES[tenant])
            for tenant, _, _, start, end, *_ in expected["sessions"]
        )
        for name, rows in expected.items():
            assert found[name] == rows, (
                f"seed {self.world.seed}: {name}: missing {sorted(map(str, rows - found[name]))[:3]}, "
                f"not expected {sorted(map(str, found[name] - rows))[:3]}"
            )

    def _land(self, tenant: str, copies: list[Copy]) -> None:
        arrivals = [Arrival(c["received_at"].replace(tzinfo=UTC), message(c)) for c in copies]
        content = hashlib.sha256(repr(copies).encode()).hexdigest()
        rejected = int(content[0], 16) % 3 == 0
        if rejected:  # last, so that the places of the others stay
            arrivals.append(
                Arrival(arrivals[0].received_at, {"type": "track", "event": "unheard_of", "anonymousId": "a"})
            )
        received = Counter(a.received_at.date() for a in arrivals)
        landed = Lake.open(self.settings).land(tenant, "web", arrivals, content_hash=content, received=received)
        assert landed.quarantined == (rejected if landed.is_new else 0), "the plan rejected another event"
        assert len(landed.file_ids) == 1, "a landing of the generator lies on one day"
        self.world.landed(str(landed.file_ids[0]), copies)
        self._unbuilt.add(landed.file_ids[0])

    def _compact(self) -> None:
        """Make one file of each tenant's day; what is replaced stays or goes."""
        lake = Lake.open(self.settings)
        before = self._places(lake)
        lake.compact(LATER, keep=self._compactions.choice([timedelta(0), timedelta(days=1)]))
        moved = {file_id for file_id, path in self._places(lake).items() if before[file_id] != path}
        self.world.seen["compaction"] += bool(moved)
        self.world.seen["compaction of a pending landing after a failed run"] += self._failed and bool(
            moved & self._unbuilt
        )

    @staticmethod
    def _places(lake: Lake) -> dict[str, str]:
        """The path of the file in which each landing lies now."""
        return {file_id: entry.path for entry in lake.entries("events") for file_id in entry.parts}

    def _erase(self) -> None:
        """Erase one visitor, one message or a whole landing from a file, after saving the lake."""
        rng, world = self.world.random, self.world
        lake = Lake.open(self.settings)
        places = {landing: path for landing, path in self._places(lake).items() if landing in self.world.landings}
        file_id = rng.choice(sorted(places, key=lambda landing: (places[landing].rsplit("/", 1)[0], landing)))
        own = world.landings[file_id]
        if not own:
            return
        self._save()
        before = {(c["tenant"], c["message_id"]): c["file_id"] for c in accepted(world.copies())}
        others = {(c["tenant"], c["message_id"]) for f, cs in world.landings.items() if f != file_id for c in cs}

        def counts_and_lies_elsewhere_too(copy: Copy) -> bool:
            key = (copy["tenant"], copy["message_id"])
            return before[key] == file_id and key in others

        # By chance alone some ten histories would not erase two winners of duplicates.
        winners = [copy for copy in own if counts_and_lies_elsewhere_too(copy)]
        victim = rng.choice(winners if winners and rng.random() < 0.5 else own)
        kind = rng.choice(["message", "message", "anonymous", "landing"])
        if kind == "landing":
            drop, gone = "true", list(own)
        elif kind == "anonymous" and victim["anonymous_id"]:
            drop = f"anonymous_id = '{victim['anonymous_id']}'"
            gone = [c for c in own if c["anonymous_id"] == victim["anonymous_id"]]
        else:
            drop = f"message_id = '{victim['message_id']}'"
            gone = [c for c in own if c["message_id"] == victim["message_id"]]
        world.seen["winner of a duplicate erased"] += sum(map(counts_and_lies_elsewhere_too, gone))
        world.landings[file_id] = [c for c in own if not any(c is g for g in gone)]
        if not world.landings[file_id]:
            world.seen["landing emptied"] += 1
        lake.rewrite(places[file_id], f"file_id = '{file_id}' and {drop}")
        self._unbuilt.add(file_id)
        world.seen["erasure inside a compacted file"] += "/compacted-" in places[file_id]

    def _save(self) -> None:
        if self._saved is None:
            folder = self.home / "saved"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(self.settings.lake, folder)
            self._saved = (folder, {f: list(cs) for f, cs in self.world.landings.items()})

    def _restore(self) -> None:
        """Bring the lake back to what it was before the erasure: a back-up after a failed run."""
        assert self._saved is not None
        folder, landings = self._saved
        shutil.rmtree(self.settings.lake)
        shutil.copytree(folder, self.settings.lake)
        self.world.landings = landings
        self.world.seen["restored after a failed run"] += 1
        self._saved, self._restore_next = None, False
