"""The ground truth: every KPI by the rules, counted from what was planted.

Sessions, persons and channels are known here because they were planned; nothing is sessionised, nothing is read from
the lake, and no code is shared with the warehouse.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa

from ingestion.simulator.business import CHANNELS, DIRECT
from ingestion.simulator.columns import NONE, Bools, Deliveries, Events, Ints, Kind
from ingestion.simulator.engine import World
from ingestion.simulator.properties import MINOR_UNITS
from ingestion.simulator.truth_cells import ALL, GRAINS, Cells, Row, added_up, counted_once, minus, period_of
from ingestion.simulator.truth_splits import (
    active_by_cohort,
    converted_signups,
    is_supplier,
    repeated,
    returned,
    split_up,
    suppliers,
)
from ingestion.simulator.visits import channel_index

DAY_MILLISECONDS = 86_400_000
ACTIVATION_DAYS = 7

KPI_SCHEMA = pa.schema(
    [
        ("tenant", pa.string()),
        ("kpi", pa.string()),
        ("time_grain", pa.string()),
        ("period_start", pa.date32()),
        ("dimension", pa.string()),
        ("dimension_value", pa.string()),
        ("numerator", pa.decimal128(28, 4)),
        ("denominator", pa.decimal128(28, 4)),
    ]
)


@dataclass(frozen=True)
class Sessions:
    """Planted sessions as far as they have arrived: columns over sessions, and the session of each event."""

    day: Ints  # local day of the first event
    last_day: Ints
    channel: Ints
    person: Ints
    has_search: Bools
    has_conversion: Bools  # a booking at or after the first search
    seconds: Ints  # whole ones, from first to last event
    pages: Ints
    events: Ints
    is_first: Bools  # of its person
    is_activated: Bools  # the same, and the person books within 7 days of its first event
    is_returned: Bools  # the same, and the person comes back on a later day within 28 days
    of_event: Ints


def kpi_truth(world: World) -> pa.Table:
    """Numerator and denominator of every KPI per time grain, period and dimension (schema `KPI_SCHEMA`).

    A cell that nothing fell into has no row. The denominator of a KPI that is no ratio is 1.
    """
    arrived = world.arrived()
    person = persons(world, arrived)
    in_session = arrived.kind != Kind.IDENTIFY
    events = arrived.take(in_session)
    sessions = _sessions(world, events, person[in_session])
    rows: list[Row] = []
    for grain in GRAINS:
        for kpi, numerator, denominator, scale in _kpis(world, events, sessions, grain):
            for cell in sorted(numerator):
                below = denominator[cell] if denominator is not None else scale[1]
                value = (_decimal(numerator[cell], scale[0]), _decimal(below, scale[1]))
                dimension = ("all", "all") if cell[1] == ALL else ("channel", CHANNELS[cell[1]])
                rows.append((kpi, grain, cell[0], *dimension, *value))
    return _table(
        world.business.tenant,
        rows
        + split_up(world, events, sessions.person, sessions.day, sessions.of_event)
        + active_by_cohort(sessions.person, sessions.day, sessions.last_day),
    )


def persons(world: World, events: Events) -> Ints:
    """The person behind each event: users are numbered as planned, devices without any user follow after them."""
    mapped = np.zeros(len(world.people.skew), dtype=np.bool_)
    mapped[events.device[events.kind == Kind.IDENTIFY]] = True
    return np.where(events.known | mapped[events.device], events.person, len(world.people) + events.device)


def _sessions(world: World, events: Events, person: Ints) -> Sessions:
    """Events of one visit stand together in order of time, so each session is a run of rows."""
    first = np.ones(len(events), dtype=np.bool_)
    first[1:] = events.visit[1:] != events.visit[:-1]
    starts = np.flatnonzero(first)
    ends = np.append(starts[1:], len(events)) - 1 if len(events) else starts
    of_event = np.cumsum(first) - 1
    days = world.calendar.days(events.at)
    is_first, is_activated = _first_ones(events, person, starts)
    return Sessions(
        day=days[starts],
        last_day=days[ends],
        channel=_channels(world, events, of_event, len(starts)),
        person=person[starts],
        has_search=np.bincount(of_event, weights=events.kind == Kind.SEARCH, minlength=len(starts)) > 0,
        has_conversion=_converted(events, of_event, len(starts)),
        seconds=(events.at[ends] - events.at[starts]) // 1000,
        pages=np.bincount(of_event, weights=events.kind == Kind.PAGE, minlength=len(starts)).astype(np.int64),
        events=ends - starts + 1,
        is_first=is_first,
        is_activated=is_activated,
        is_returned=is_first & returned(events.at[starts], days[starts], person[starts]),
        of_event=of_event,
    )


def _channels(world: World, events: Events, of_event: Ints, count: int) -> Ints:
    """The channel of each session's first event that has one, else direct."""
    channel = np.full(count, DIRECT, dtype=np.int64)
    has = np.flatnonzero(events.campaign != NONE)[::-1]  # backwards: the first one is written last
    channel[of_event[has]] = channel_index(world.business, CHANNELS)[events.campaign[has]]
    return channel


def _converted(events: Events, of_event: Ints, count: int) -> Bools:
    never = np.iinfo(np.int64).max
    first_search = np.full(count, never, dtype=np.int64)
    searches = events.kind == Kind.SEARCH
    np.minimum.at(first_search, of_event[searches], events.at[searches])
    converted = np.zeros(count, dtype=np.bool_)
    bookings = np.flatnonzero(events.kind == Kind.BOOKING)
    converted[of_event[bookings[events.at[bookings] >= first_search[of_event[bookings]]]]] = True
    return converted


def _first_ones(events: Events, person: Ints, starts: Ints) -> tuple[Bools, Bools]:
    """Of each session: is it its person's first one, and is it that and a booking follows in time."""
    never = np.iinfo(np.int64).max
    came, booked = (np.full(int(person.max(initial=-1)) + 1, never, dtype=np.int64) for _ in range(2))
    np.minimum.at(came, person, events.at)
    bookings = events.kind == Kind.BOOKING
    np.minimum.at(booked, person[bookings], events.at[bookings])
    who = person[starts]
    is_first = events.at[starts] == came[who]
    return is_first, is_first & (booked[who] <= came[who] + ACTIVATION_DAYS * DAY_MILLISECONDS)


def _kpis(
    world: World, events: Events, s: Sessions, grain: str
) -> list[tuple[str, Cells, Cells | None, tuple[int, int]]]:
    """KPI, cells of its numerator and denominator (None: 1), and by what each is divided to give the unit."""
    channel = s.channel[s.of_event]

    def count(mask: Bools) -> Cells:
        return added_up(period_of(s.day[mask], grain), s.channel[mask], np.ones(int(mask.sum()), dtype=np.int64))

    def added(values: Ints) -> Cells:
        return added_up(period_of(s.day, grain), s.channel, values)

    def total(kind: Kind, values: Ints) -> Cells:
        mask = events.kind == kind
        return added_up(period_of(world.calendar.days(events.at[mask]), grain), channel[mask], values[mask])

    one = np.ones(len(events), dtype=np.int64)
    searches = total(Kind.SEARCH, one)
    signups = total(Kind.SIGNUP, one - repeated(events, s.person[s.of_event], Kind.SIGNUP))
    searched = count(s.has_search)
    converted = dict.fromkeys(searched, 0) | count(s.has_search & s.has_conversion)
    bookings = total(Kind.BOOKING, one)
    confirmed = total(Kind.BOOKING, events.amount)
    gmv = minus(confirmed, total(Kind.CANCEL, events.amount))
    revenue = minus(total(Kind.BOOKING, events.commission), total(Kind.CANCEL, events.commission))
    sessions, active = added(np.ones(len(s.day), dtype=np.int64)), _active(s, grain)
    counts, amounts = (1, 1), (MINOR_UNITS, 1)

    def distinct(kind: Kind, values: Ints, among: Bools | None = None) -> Cells:
        mask = (events.kind == kind) & (True if among is None else among)
        return counted_once(period_of(world.calendar.days(events.at[mask]), grain), channel[mask], values[mask])

    buyers = distinct(Kind.BOOKING, s.person[s.of_event])
    selling = distinct(Kind.BOOKING, suppliers(world, events))
    crossing = distinct(Kind.BOOKING, s.person[s.of_event], is_supplier(world, s.person[s.of_event]))
    booked, viewed = distinct(Kind.BOOKING, events.listing), distinct(Kind.LISTING, events.listing)
    cancelled = dict.fromkeys(confirmed, 0) | total(Kind.CANCEL, events.amount)
    repeat = repeated(events, s.person[s.of_event], Kind.BOOKING)
    return [
        ("sessions", sessions, None, counts),
        ("active_users", active, None, counts),
        ("average_session_seconds", added(s.seconds), sessions, counts),
        ("pages_per_session", added(s.pages), sessions, counts),
        ("new_users", added(s.is_first.astype(np.int64)), None, counts),
        ("activation_rate", added(s.is_activated.astype(np.int64)), added(s.is_first.astype(np.int64)), counts),
        ("return_rate", added(s.is_returned.astype(np.int64)), added(s.is_first.astype(np.int64)), counts),
        ("bounce_rate", added((s.events == 1).astype(np.int64)), sessions, counts),
        ("searches", searches, None, counts),
        ("signups", signups, None, counts),
        (
            "signup_conversion_rate",
            total(Kind.SIGNUP, converted_signups(events, s.person[s.of_event])),
            signups,
            counts,
        ),
        ("signup_rate", dict.fromkeys(sessions, 0) | signups, dict.fromkeys(signups, 0) | sessions, counts),
        ("search_to_book_conversion", converted, searched, counts),
        ("bookings", bookings, None, counts),
        ("gmv", gmv, None, amounts),
        ("revenue", revenue, None, amounts),
        ("revenue_per_active_user", dict.fromkeys(active, 0) | revenue, dict.fromkeys(revenue, 0) | active, amounts),
        ("take_rate", revenue, gmv, (MINOR_UNITS, MINOR_UNITS)),
        ("average_booking_value", confirmed, bookings, amounts),
        ("gross_gmv", confirmed, None, amounts),
        ("cancelled_gmv_rate", cancelled, dict.fromkeys(cancelled, 0) | confirmed, (MINOR_UNITS, MINOR_UNITS)),
        ("buyers", buyers, None, counts),
        ("cross_side_rate", dict.fromkeys(buyers, 0) | crossing, buyers, counts),
        ("spend_per_buyer", confirmed, buyers, amounts),
        ("demand_liquidity", dict.fromkeys(active, 0) | buyers, dict.fromkeys(buyers, 0) | active, counts),
        ("repeat_booking_rate", total(Kind.BOOKING, repeat), bookings, counts),
        ("new_buyers", total(Kind.BOOKING, one - repeat), None, counts),
        ("booked_listings", booked, None, counts),
        ("selling_suppliers", selling, None, counts),
        ("gmv_per_supplier", confirmed, selling, amounts),
        ("listing_views", total(Kind.LISTING, one), None, counts),
        ("supply_liquidity", dict.fromkeys(viewed, 0) | booked, dict.fromkeys(booked, 0) | viewed, counts),
        ("zero_result_rate", total(Kind.SEARCH, (events.count == 0).astype(np.int64)), searches, counts),
    ]


def _active(s: Sessions, grain: str) -> Cells:
    """Distinct persons with a session that touches the period; a session is never longer than its slot's two days."""
    over = s.last_day > s.day
    period = np.concatenate((period_of(s.day, grain), period_of(s.last_day[over], grain)))
    channel = np.concatenate((s.channel, s.channel[over]))
    return counted_once(period, channel, np.concatenate((s.person, s.person[over])))


def _decimal(value: int, scale: int) -> Decimal:
    return Decimal(value) / scale


def _table(tenant: str, rows: list[Row]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * 7
    kpi, grain, period, dimension, dimension_value, numerator, denominator = columns
    return pa.table(
        [
            [tenant] * len(rows),
            kpi,
            grain,
            [date.fromordinal(n) for n in period],
            dimension,
            dimension_value,
            numerator,
            denominator,
        ],
        schema=KPI_SCHEMA,
    )


def arrival_truth(world: World, sent: Sequence[tuple[int, int]]) -> pa.Table:
    """Events per UTC day of arrival and way: received, accepted, duplicate, quarantined.

    `via` is `collector` for what arrives in one of the ranges `sent` (from, until; epoch milliseconds), else `bulk`;
    what goes through a collector arrives when it is really sent, not on the planned day named here.
    """
    d = Deliveries.concat([world.deliveries, world.around.deliveries])
    collected = np.zeros(len(d), dtype=np.bool_)
    for start, end in sent:
        collected |= (d.received >= start) & (d.received < end)
    key = d.received // DAY_MILLISECONDS * 2 + collected
    keys, where = np.unique(key, return_inverse=True)
    refused = d.fault != 0

    def counted(mask: Bools) -> list[int]:
        return [int(n) for n in np.bincount(where, weights=mask, minlength=len(keys))]

    return pa.table(
        {
            "tenant": pa.array([world.business.tenant] * len(keys), pa.string()),
            "received_date": pa.array((keys // 2).astype(np.int32), pa.int32()).cast(pa.date32()),
            "via": pa.array(["collector" if k % 2 else "bulk" for k in keys.tolist()], pa.string()),
            "received": pa.array(counted(np.ones(len(d), dtype=np.bool_)), pa.int64()),
            "accepted": pa.array(counted(~d.copy & ~refused), pa.int64()),
            "duplicate": pa.array(counted(d.copy), pa.int64()),
            "quarantined": pa.array(counted(refused), pa.int64()),
        }
    )
