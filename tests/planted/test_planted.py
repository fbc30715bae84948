"""Ten kinds of wrong numbers, planted into days of real builds: the gate refuses them, and lets clean days pass.

The limits of the checks were chosen on the worlds of seeds 1 to 10; what is claimed is measured on 11 to 20. Businesses
have about 3,000 events a day each, and 22 days of history.
"""

import pickle
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

import expectations
from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.publish import gate
from almanac.settings import Settings
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from ingestion.tracking_plan import load_plan
from tests.planted.plants import PLANTS, Plant
from tests.planted.world import FIRST_DAY, Days, Sender, days_of, senders

pytestmark = pytest.mark.xdist_group("planted")
HISTORY, CLEAN = 22, 30
# What the checks read; `almanac build` makes everything. Their data tests run too.
JUDGED_MODELS = ("fact_events", "mv_daily_arrivals", "mv_daily_quarantine")
JUDGED = 3  # the newest complete days are judged together
SEEDS = range(11, 21)
SENDERS = senders()
PLAN = load_plan()

Planting = Mapping[tuple[str, date], Plant]


@dataclass(frozen=True)
class World:
    """A home with what arrived before the first target day, built; and all that arrives."""

    settings: Settings
    days: dict[str, Days]
    dbt: WarmDbt
    target: date

    def refused(self, home: Path, planting: Planting, seed: int, days: int) -> list[str]:
        """What the gate says after so many further days, of which some have something planted."""
        shutil.copytree(self.settings.home, home)
        settings = Settings.for_home(home)
        for day in (self.target + timedelta(days=n) for n in range(days)):
            for tenant, sender in SENDERS.items():
                arrivals = copied(self.days[tenant][day])
                if plant := planting.get((tenant, day)):
                    arrivals = plant(random.Random(f"{seed} {plant.__name__}"), sender, arrivals)
                land(settings, sender, day, arrivals)
        # Something of the day after says that the last target day is complete.
        after = self.target + timedelta(days=days)
        for tenant, sender in SENDERS.items():
            land(settings, sender, after, copied(self.days[tenant][after][:200]))
        build = run_build(settings, runner=self.dbt)
        found = [f"the build: {node.name}" for node in build.failed] or [
            f"{check.subject} {check.name}: {check.message}" for check in gate(settings) if check.blocks
        ]
        shutil.rmtree(home)
        return found


def land(settings: Settings, sender: Sender, day: date, arrivals: list[Arrival]) -> None:
    """Land what arrived on a day."""
    if arrivals:
        Lake.open(settings, PLAN).land(
            sender.tenant, sender.source, arrivals, content_hash=f"{sender.tenant} {day}", received={day: len(arrivals)}
        )


def copied(arrivals: list[Arrival]) -> list[Arrival]:
    """Arrivals to plant something in, or to land: both may change a message."""
    found: list[Arrival] = pickle.loads(pickle.dumps(arrivals, pickle.HIGHEST_PROTOCOL))  # a quick deep copy
    return found


def world_of(seed: int, home: Path, history: int) -> World:
    """The world of a seed with so many days landed and built; the first target day is the next one."""
    settings, dbt, target = (
        Settings.for_home(home),
        WarmDbt(for_models=JUDGED_MODELS),
        FIRST_DAY + timedelta(days=history),
    )
    found = {tenant: days_of(tenant, seed, history + JUDGED + 1) for tenant in SENDERS}
    for tenant, sender in SENDERS.items():
        for day, arrivals in sorted(found[tenant].items()):
            if day < target:
                land(settings, sender, day, copied(arrivals))
    build = run_build(settings, runner=dbt)
    assert build.succeeded, build.failed
    return World(settings, found, dbt, target)


def test_what_is_planted_is_refused_and_clean_days_are_not(tmp_path: Path) -> None:
    """Every kind once: up to six at the same time, each on a day and a tenant of its own."""
    seed = 1
    world = world_of(seed, tmp_path / "world", HISTORY)
    assert world.refused(tmp_path / "home", {}, seed, JUDGED) == []
    days = [world.target + timedelta(days=n) for n in range(JUDGED)]
    places = [(tenant, day) for day in days for tenant in sorted(SENDERS)]
    for first in range(0, len(PLANTS), len(places)):
        planting = dict(zip(places, PLANTS[first:], strict=False))
        said = world.refused(tmp_path / "home", planting, seed, JUDGED)
        for (tenant, day), plant in planting.items():
            assert any(tenant in words and str(day) in words for words in said), (plant.__name__, tenant, day, said)


@pytest.mark.deep
def test_on_unseen_worlds_nineteen_of_twenty_are_refused(tmp_path: Path) -> None:
    missed: list[str] = []
    for seed in SEEDS:
        world = world_of(seed, tmp_path / f"{seed}", HISTORY)
        for plant in PLANTS:
            tenant = random.Random(f"{seed} {plant.__name__} tenant").choice(sorted(SENDERS))
            said = world.refused(tmp_path / "home", {(tenant, world.target): plant}, seed, 1)
            if not any(tenant in words or words.startswith("the build") for words in said):
                missed += [f"{seed} {plant.__name__} {tenant}"]
        shutil.rmtree(world.settings.home)
    assert len(missed) <= 0.05 * len(SEEDS) * len(PLANTS), missed


@pytest.mark.deep
def test_of_three_hundred_clean_days_at_most_one_is_refused(tmp_path: Path) -> None:
    refused: dict[str, list[str]] = {}
    for seed in SEEDS:
        world = world_of(seed, tmp_path / f"{seed}", HISTORY + CLEAN + 1)
        for n in range(CLEAN):
            newest = FIRST_DAY + timedelta(days=HISTORY + n + 1)
            checks = [check for check in expectations.run(world.settings, newest) if check.blocks]
            if checks:
                refused[f"{seed} {newest}"] = [f"{c.subject} {c.name}: {c.message}" for c in checks]
        shutil.rmtree(world.settings.home)
    assert len(refused) <= 1, refused
