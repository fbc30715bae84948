"""What a day's events are like: which kinds, which values they have, how old they are, what they point at.

Each is a part of a whole (filled values of an event, late ones of all), compared with that share on the days before.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from statistics import pstdev

from almanac.engines import Engine
from expectations.limits import LIMITS, Limits

# The checks that are made of shares, with the words for one that is not usual.
WORDS = {
    "values_are_filled": "{what} has a value in {now:.1%} of its events, {usual:.1%} usual",
    "times_are_usual": "{what}: {now:.1%} of all events, {usual:.1%} usual",
    "mix_is_usual": "{what}: {now:.1%}, {usual:.1%} usual",
    "refusals_are_usual": "{what}: {now:.1%} are refused, {usual:.1%} usual",
    "keys_are_known": "{what}: {now:.1%}, {usual:.1%} usual",
}
AMOUNTS = "amounts_are_usual"
PROFILED = (*WORDS, AMOUNTS)
# Columns that arrive with an event; the others are derived from them.
_COLUMNS = (
    "user_id", "anonymous_id", "client_session_id", "project_id", "listing_id", "category", "city", "booking_id",
    "amount", "commission", "currency",
)  # fmt: skip

Key = tuple[str, str]  # check, what
Place = tuple[str, str, date]  # tenant, source, day of arrival (UTC)


@dataclass
class Profile:
    """One day of one source: parts of their wholes, and by event the number and mean of the amounts' logarithms."""

    shares: dict[Key, tuple[int, int]] = field(default_factory=dict)
    amounts: dict[str, tuple[int, float, float]] = field(default_factory=dict)  # how many, mean, standard deviation
    sizes: dict[str, Counter[int]] = field(default_factory=dict)  # amounts by event and power of two


def read_profiles(engine: Engine, since: date) -> dict[Place, Profile]:
    """The profile of every source and day from `since` on."""
    found: dict[Place, Profile] = {}
    for row in engine.execute(_BY_EVENT, [since]):
        tenant, source, day, event, count, delayed, without_time, amounts, average, spread, *filled = row
        profile = found.setdefault((tenant, source, day), Profile())
        profile.shares["mix_is_usual", event] = (count, 0)
        for column, values in zip(_COLUMNS, filled, strict=True):
            profile.shares["values_are_filled", f"{event}.{column}"] = (values, count)
        _add(profile, ("times_are_usual", "more than an hour on the way"), delayed, count)
        _add(profile, ("times_are_usual", "without a usable time"), without_time, count)
        if amounts:
            profile.amounts[event] = (amounts, average, spread or 0.0)
    _add_mixes(engine, since, found)
    for tenant, source, day, unknown, count in engine.execute(_UNKNOWN_LISTINGS, [since, since]):
        key = ("keys_are_known", "bookings of listings that nobody looked at")
        found[tenant, source, day].shares[key] = (unknown, count)
    for tenant, source, day, event, refused in engine.execute(_REFUSED, [since]):
        if (tenant, source, day) in found:
            shares = found[tenant, source, day].shares
            shares["refusals_are_usual", event] = (refused, refused + shares.get(("mix_is_usual", event), (0, 0))[0])
    for profile in found.values():
        _fill_wholes(profile)
    return found


def _add_mixes(engine: Engine, since: date, found: dict[Place, Profile]) -> None:
    """Currencies, hours of arrival and sizes of amounts."""
    for tenant, source, day, currency, count in engine.execute(_BY_CURRENCY, [since]):
        found[tenant, source, day].shares["mix_is_usual", f"amounts in {currency}"] = (count, 0)
    for tenant, source, day, block, count in engine.execute(_BY_TIME, [since]):
        hours = f"arrived from {4 * int(block):02}:00 to {4 * int(block) + 4:02}:00 UTC"
        found[tenant, source, day].shares["mix_is_usual", hours] = (count, 0)
    for tenant, source, day, event, power, count in engine.execute(_BY_SIZE, [since]):
        found[tenant, source, day].sizes.setdefault(event, Counter())[int(power)] = count


def event_and_column(words: str) -> tuple[str, str]:
    """What `values_are_filled` says lacks values: the event and its column."""
    event, _, column = words.partition(" has a value in ")[0].rpartition(".")
    return event, column


def unusual(day: Profile, history: Sequence[Profile], limits: Limits = LIMITS) -> dict[str, tuple[str, ...]]:
    """By check, in words, what of a day is not as on the days before; nothing for a young source."""
    found: dict[str, list[str]] = {check: [] for check in PROFILED}
    if len(history) < limits.young_days:
        return dict.fromkeys(found, ())
    keys = {key for profile in (day, *history) for key in profile.shares}
    for check, what in sorted(keys):
        now = _share_of(day, (check, what))
        usual = [share for profile in history if (share := _share_of(profile, (check, what)))[1]]
        if now[1] and len(usual) >= limits.young_days and (said := _compare(check, what, now, usual, limits)):
            found[check].append(said)
    for event, (count, average, spread) in day.amounts.items():
        before = [profile.amounts[event] for profile in history if event in profile.amounts]
        found[AMOUNTS] += _amounts(event, count, average, spread, before, limits)
    for event, sizes in day.sizes.items():
        found[AMOUNTS] += _far_off(event, sizes, [p.sizes[event] for p in history if event in p.sizes], limits)
    return {check: tuple(said) for check, said in found.items()}


def _compare(
    check: str, what: str, now: tuple[int, int], usual: Sequence[tuple[int, int]], limits: Limits
) -> str | None:
    part, whole = now
    expected = sum(p for p, _ in usual) / sum(w for _, w in usual)
    allowed = limits.deviations * max(
        # What days differ by, and what chance makes of a day of this size.
        pstdev(p / w for p, w in usual) * whole,
        math.sqrt(limits.cluster * whole * expected * (1 - expected)),
    )
    difference = part - expected * whole
    if check in _ONLY_MORE:
        difference = max(0.0, difference)
    elif check == "values_are_filled" or what.startswith("arrived from"):
        # A visitor of the night brings many events at once; a part of a day that is missing brings none.
        difference = min(0.0, difference)
    if not expected * (1 - expected) and sum(w for _, w in usual) >= limits.certain:
        slack = max(1.0, limits.certain_share * whole)  # what never happened
    else:
        slack = allowed + limits.few
    if check == "times_are_usual":
        slack = max(slack, limits.times_floor * whole)
    if abs(difference) <= slack:
        return None
    return WORDS[check].format(what=what, now=part / whole, usual=expected)


def _amounts(
    event: str,
    count: int,
    average: float,
    spread: float,
    before: Sequence[tuple[int, float, float]],
    limits: Limits,
) -> list[str]:
    """The typical (geometric mean) amount of an event against that of the days before."""
    total = sum(n for n, _, _ in before)
    if len(before) < limits.young_days or total < limits.least_amounts:
        return []
    usual = sum(n * m for n, m, _ in before) / total
    # The spread of single amounts: within the days, and of the days around their mean.
    within = math.sqrt(sum(n * (s**2 + (m - usual) ** 2) for n, m, s in before) / total)
    between = pstdev(m for _, m, _ in before) if min(n for n, _, _ in before) >= limits.least_amounts else 0.0
    allowed = limits.deviations * max(within / math.sqrt(count), between)
    if abs(average - usual) <= allowed + limits.amounts_floor:
        return []
    return [f"the typical amount of {event} is {math.exp(average):,.2f}, {math.exp(usual):,.2f} usual"]


def _far_off(event: str, sizes: Counter[int], before: Sequence[Counter[int]], limits: Limits) -> list[str]:
    """Amounts that are less than half of the smallest or more than twice the largest of the days before."""
    known = [power for one in before for power in one]
    if len(before) < limits.young_days or sum(one.total() for one in before) < limits.certain:
        return []
    low, high = min(known) - 1, max(known) + 1
    far = sum(count for power, count in sizes.items() if not low <= power <= high)
    if far <= max(1.0, limits.certain_share * sizes.total()):
        return []
    usual = f"{2.0**low:,.0f} to {2.0 ** (high + 1):,.0f}"
    return [f"{far:,} of {sizes.total():,} amounts of {event} are outside of {usual}"]


def _share_of(profile: Profile, key: Key) -> tuple[int, int]:
    """The share; of a kind that did not come at all, nothing of what came; where nothing was refused, none of all."""
    if key[0] == "refusals_are_usual" and key not in profile.shares:
        return 0, profile.shares.get(("mix_is_usual", key[1]), (0, 0))[0]
    if key in profile.shares or key[0] != "mix_is_usual":
        return profile.shares.get(key, (0, 0))
    return 0, profile.shares.get(_whole_of(key), (0, 0))[0]


def _whole_of(key: Key) -> Key:
    return "", next((word for word in ("amounts in", "arrived from") if key[1].startswith(word)), "events")


def _fill_wholes(profile: Profile) -> None:
    """The mix is a share of all, which is known when all was read."""
    mix = {key: part for key, (part, _) in profile.shares.items() if key[0] == "mix_is_usual"}
    for whole in {_whole_of(key) for key in mix}:
        count = sum(part for key, part in mix.items() if _whole_of(key) == whole)
        profile.shares |= {key: (part, count) for key, part in mix.items() if _whole_of(key) == whole}
        profile.shares[whole] = (count, 0)


def _add(profile: Profile, key: Key, part: int, whole: int) -> None:
    before = profile.shares.get(key, (0, 0))
    profile.shares[key] = (before[0] + part, before[1] + whole)


_ONLY_MORE = frozenset({"times_are_usual", "keys_are_known", "refusals_are_usual"})
_FILLED = "".join(f", count({column})" for column in _COLUMNS)
_BY_EVENT = f"""
    select tenant, source, received_date, coalesce(event, type), count(*),
        count(case when received_at - event_at > interval '1 hour' then 1 end),
        count(case when time_quality not in ('ok', 'skew_corrected') then 1 end),
        count(case when amount > 0 then 1 end),
        avg(ln(cast(case when amount > 0 then amount end as double precision))),
        stddev_pop(ln(cast(case when amount > 0 then amount end as double precision)))
        {_FILLED}
    from marts.fact_events where received_date >= ?
    group by tenant, source, received_date, coalesce(event, type)
"""
_BY_CURRENCY = """
    select tenant, source, received_date, currency, count(*)
    from marts.fact_events where received_date >= ? and amount is not null and currency is not null
    group by tenant, source, received_date, currency
"""
_BY_TIME = """
    select tenant, source, received_date, floor(extract(hour from received_at) / 4), count(*)
    from marts.fact_events where received_date >= ?
    group by tenant, source, received_date, floor(extract(hour from received_at) / 4)
"""
_BY_SIZE = """
    select tenant, source, received_date, coalesce(event, type),
        floor(ln(cast(amount as double precision)) / ln(2.0)), count(*)
    from marts.fact_events where received_date >= ? and amount > 0
    group by tenant, source, received_date, coalesce(event, type), floor(ln(cast(amount as double precision)) / ln(2.0))
"""
_REFUSED = """
    select tenant, source, received_date, event, cast(sum(quarantined) as bigint)
    from marts.mv_daily_quarantine where received_date >= ?
    group by tenant, source, received_date, event
"""
_UNKNOWN_LISTINGS = """
    with
        known as (
            select distinct tenant, listing_id
            from marts.fact_events where received_date >= ? and event = 'listing_viewed'
        )
    select e.tenant, e.source, e.received_date, count(case when k.listing_id is null then 1 end), count(*)
    from marts.fact_events as e
    left join known as k on k.tenant = e.tenant and k.listing_id = e.listing_id
    where e.received_date >= ? and e.event = 'booking_confirmed' and e.listing_id is not null
    group by e.tenant, e.source, e.received_date
"""
