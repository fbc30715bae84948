"""Simulating one tenant: unfold its world, land what is new, write the truth."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from almanac.durable import write_text
from almanac.errors import AlmanacError
from almanac.progress import progress
from almanac.settings import Settings
from ingestion.lake import Lake
from ingestion.simulator.business import Business
from ingestion.simulator.calendar import instant, milliseconds
from ingestion.simulator.columns import DAY, MINUTE, Deliveries
from ingestion.simulator.engine import unfold
from ingestion.simulator.messages import Sent, Writer
from ingestion.simulator.progress_file import Progress, progress_path, read_progress, write_progress
from ingestion.simulator.tenants import business_of
from ingestion.simulator.truth import arrival_truth, kpi_truth
from ingestion.simulator.truth_around import around_truth, planted_text
from ingestion.tracking_plan import Plan, Tenant, load_plan

NEWEST_MINUTES = 15
NEWEST_EVENTS = 400  # at least, so that there is something to see, but none older than a day
DEFAULT_SEED = 1
DEFAULT_DAYS = 90


@dataclass(frozen=True)
class Simulation:
    """What one run did for one tenant."""

    tenant: str
    users: int
    first_day: date
    last_day: date
    until: datetime  # aware: everything that reached the door before it has been landed or is `newest`
    landed: int  # events that this run landed
    landings: int
    newest: tuple[Sent, ...]  # held back for a collector, in order of arrival
    truth: Path  # KPI truth; what arrived by day lies beside it in `arrivals`
    arrivals: Path

    @property
    def is_new(self) -> bool:
        """Whether this run landed or holds anything."""
        return bool(self.landed or self.newest)


def simulate(
    settings: Settings,
    tenant: str,
    *,
    seed: int = DEFAULT_SEED,
    users: int | None = None,
    days: int = DEFAULT_DAYS,
    last_day: date | None = None,
    now: datetime | None = None,
    hold_newest: bool = False,
    is_whole: bool | None = None,
    lake: Lake | None = None,
) -> Simulation:
    """Simulate `tenant` for `days` days up to `last_day` (a UTC date; by default today), land it and write the truth.

    `now` is aware and defaults to this moment: nothing is delivered that would arrive later, and where `last_day` lies
    in the past the world ends with that day, so the result depends on the arguments alone. With `hold_newest` the
    newest events are not landed but returned, for `send_newest`; the truth counts them in any case. `is_whole` says
    whether what happens around the visits is simulated too; None leaves it to the tenant. A second run with
    the same arguments lands nothing; a later one continues the world. Raises AlmanacError for arguments that make no
    sense or contradict what was simulated before.
    """
    business = business_of(tenant)
    plan = load_plan(settings.root)
    lake = lake or Lake.open(settings, plan)
    until = _until(now or datetime.now(UTC), last_day)
    last = (until - timedelta(microseconds=1)).date()
    whole = business.is_whole if is_whole is None else is_whole
    first = last - timedelta(days=_positive("days", days) - 1)
    wanted = Progress(seed, _users(business, users), first, is_whole=whole)
    path = progress_path(settings.truth, business)
    done = _continued(read_progress(path), wanted, lake, business)
    until = max(until, instant(done.until))
    kpis, arrivals = settings.truth / f"{tenant}.parquet", settings.truth / f"{tenant}_arrivals.parquet"
    around = settings.truth / f"{tenant}_around.parquet"
    are_there = kpis.exists() and arrivals.exists() and (around.exists() or not whole)
    if done.until >= milliseconds(until) and are_there:
        return Simulation(tenant, done.users, done.first_day, last, until, 0, 0, (), kpis, arrivals)

    own = _own(plan, business)
    world = unfold(business, own.time_zone, seed, done.users, done.first_day, until, is_whole=whole)
    fresh, beside = (d.take(d.received >= done.until) for d in (world.deliveries, world.around.deliveries))
    newest_from = _newest_from(fresh, world.until) if hold_newest else world.until
    bulk, held = zip(*(_cut(deliveries, newest_from) for deliveries in (fresh, beside)), strict=True)
    writer = Writer(world, own, plan)
    landings = 0
    for reached in _land(lake, business, writer, bulk[0], bulk[1], done, newest_from):
        write_progress(path, reached)
        done, landings = reached, landings + 1
    _write_truth(kpis, kpi_truth(world))
    _write_truth(arrivals, arrival_truth(world, done.sent_to(world.until).sent if hold_newest else done.sent))
    if whole:
        _write_truth(around, around_truth(world))
        write_text(settings.truth / f"{tenant}_planted.json", planted_text(world))
    write_progress(path, done.landed((), newest_from))
    landed, newest = sum(len(part) for part in bulk), tuple(writer.sent(held[0], held[1]))
    return Simulation(tenant, done.users, done.first_day, last, until, landed, landings, newest, kpis, arrivals)


def _land(
    lake: Lake, business: Business, writer: Writer, visits: Deliveries, around: Deliveries, done: Progress, end: int
) -> Iterator[Progress]:
    """Land one part per UTC day of arrival; `end` (epoch milliseconds) is where all of it ends. Gives the progress."""
    with progress(f"Simulating {business.tenant}", len(visits) + len(around), "events") as said:
        for day, bound, part, beside in _days(visits, around, end):
            # Names the part of the world, so that doing it again after a crash is the same landing.
            content = f"{business.tenant}/{done.world()}/{done.until}/{bound}"
            result = lake.land(
                business.tenant,
                business.source,
                writer.everything(part, beside),
                content_hash=sha256(content.encode()).hexdigest(),
                received={day: len(part) + len(beside)},
            )
            done = done.landed(tuple(str(file_id) for file_id in result.file_ids), bound)
            said.advance(len(part) + len(beside))
            yield done


def mark_sent(settings: Settings, simulation: Simulation) -> None:
    """Remember that the newest events of a simulation have been delivered through a collector."""
    path = progress_path(settings.truth, business_of(simulation.tenant))
    done = read_progress(path)
    if done is not None:
        write_progress(path, done.sent_to(milliseconds(simulation.until)))


def _until(now: datetime, last_day: date | None) -> datetime:
    """The end of the world: the end of the last day, or this moment if that day has not ended."""
    if now.tzinfo is None:
        raise AlmanacError("now has no time zone: give an aware time")
    now = now.astimezone(UTC)
    # Clients stamp milliseconds, and so does the world.
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    if last_day is None:
        return now
    if last_day > now.date():
        raise AlmanacError(f"the last day {last_day} lies in the future: the newest possible one is {now.date()} (UTC)")
    return min(now, datetime.combine(last_day + timedelta(days=1), time(), tzinfo=UTC))


def _users(business: Business, users: int | None) -> int:
    return _positive("users", business.users if users is None else users)


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise AlmanacError(f"{name} is {value}: it must be at least 1")
    return value


def _continued(stored: Progress | None, wanted: Progress, lake: Lake, business: Business) -> Progress:
    """The stored progress if the lake still holds it and it is the wanted world; the wanted one from its start else."""
    if stored is None or not stored.file_ids:
        return wanted
    held = {file_id for entry in lake.entries("events") for file_id in entry.parts}
    if not held.issuperset(stored.file_ids):
        return wanted  # another lake, or one that was emptied
    same = (stored.seed, stored.users, stored.is_whole) == (wanted.seed, wanted.users, wanted.is_whole)
    if same and stored.first_day <= wanted.first_day:
        return stored
    raise AlmanacError(
        f"the lake already holds another simulation of {business.tenant}"
        f" ({stored.world()}; asked for: {wanted.world()}): use the same arguments, or another ALMANAC_HOME"
    )


def _own(plan: Plan, business: Business) -> Tenant:
    if business.tenant not in plan.tenants:
        raise AlmanacError(f"the tracking plan has no tenant {business.tenant!r}: add tenants/{business.tenant}.yml")
    return plan.tenants[business.tenant]


def _newest_from(fresh: Deliveries, until: int) -> int:
    """The instant from which on events are held back: the last minutes, or up to a day where those hold too little."""
    enough = int(fresh.received[-NEWEST_EVENTS]) if len(fresh) >= NEWEST_EVENTS else 0
    return max(until - DAY, min(until - NEWEST_MINUTES * MINUTE, enough))


def _cut(deliveries: Deliveries, at: int) -> tuple[Deliveries, Deliveries]:
    """What is received before an instant (epoch milliseconds), and the rest."""
    return deliveries.take(deliveries.received < at), deliveries.take(deliveries.received >= at)


def _days(visits: Deliveries, around: Deliveries, end: int) -> Iterator[tuple[date, int, Deliveries, Deliveries]]:
    """Deliveries by UTC day of arrival, each with the instant (epoch milliseconds) before which they all lie."""
    of_visits, of_around = visits.received // DAY, around.received // DAY
    for day in np.union1d(of_visits, of_around).tolist():
        parts = visits.take(of_visits == day), around.take(of_around == day)
        yield date.fromordinal(719_163 + day), min((day + 1) * DAY, end), *parts


def _write_truth(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    pq.write_table(table, temporary)
    temporary.replace(path)
