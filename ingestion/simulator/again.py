"""A day that is delivered twice, as when a platform sends it again under new ids; and taking it back."""

import uuid
from collections.abc import Sequence
from datetime import date
from hashlib import sha256

import numpy as np

from almanac.errors import AlmanacError
from almanac.settings import Settings
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from ingestion.simulator.calendar import instant
from ingestion.simulator.columns import DAY
from ingestion.simulator.engine import unfold
from ingestion.simulator.messages import Writer
from ingestion.simulator.progress_file import progress_path, read_progress
from ingestion.simulator.tenants import business_of
from ingestion.tracking_plan import load_plan

_EPOCH = date(1970, 1, 1)


def deliver_again(settings: Settings, tenant: str, day: date, occasion: str) -> tuple[int, list[str]]:
    """Land what `tenant` was sent on `day` (UTC day of arrival) once more, every message under another id.

    The same occasion is the same landing, and another one lands it again. Returns the events and the ids of the
    landings. Raises AlmanacError if nothing of that day was simulated.
    """
    business, plan = business_of(tenant), load_plan(settings.root)
    done = read_progress(progress_path(settings.truth, business))
    if done is None:
        raise AlmanacError(f"nothing of {tenant} was simulated here: run `make demo` first")
    own = plan.tenants[tenant]
    world = unfold(
        business, own.time_zone, done.seed, done.users, done.first_day, instant(done.until), is_whole=done.is_whole
    )
    number = np.int64((day - _EPOCH).days)
    visits, around = (d.take(d.received // DAY == number) for d in (world.deliveries, world.around.deliveries))
    if not len(visits) + len(around):
        raise AlmanacError(f"{tenant} was sent nothing on {day}: choose a day between {done.first_day} and yesterday")
    arrivals = [_under_another_id(arrival, occasion) for arrival in Writer(world, own, plan).everything(visits, around)]
    content = sha256(f"{tenant}/{day} again/{occasion}".encode()).hexdigest()
    landed = Lake.open(settings, plan).land(
        tenant, business.source, arrivals, content_hash=content, received={day: len(arrivals)}
    )
    return len(arrivals), [str(file_id) for file_id in landed.file_ids]


def take_back(settings: Settings, landings: Sequence[str]) -> None:
    """Erase the rows of these landings from the lake; nothing happens for those that are gone."""
    lake = Lake.open(settings)
    wanted = set(landings)
    for entry in lake.entries("events"):
        if held := sorted(wanted & set(entry.parts)):
            ids = ", ".join(f"'{uuid.UUID(one)}'" for one in held)
            lake.rewrite(entry.path, f"file_id in ({ids})")


def _under_another_id(arrival: Arrival, occasion: str) -> Arrival:
    message = arrival.message
    assert isinstance(message, dict)
    other = uuid.uuid5(uuid.NAMESPACE_OID, f"{message['messageId']} {occasion}")
    return Arrival(arrival.received_at, {**message, "messageId": str(other)})
