"""What is still usual: a band for a day's rows and limits for its shares, from the days before it.

Every number that could be argued stands here, in `Limits`, with its reason.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """How arrivals are judged; all shares are between 0 and 1, all counts are events a day."""

    judged_days: int = 3  # the newest complete days: a weekend without a run hides nothing
    history_days: int = 14  # two of each weekday, so one odd day of a kind does not set the limit
    young_days: int = 7  # with fewer days of history the absolute values below are the history
    fewest: float = 0.5  # of the lowest usual day
    most: float = 4.0  # times the highest usual day: a campaign may double a day, a client in a loop does more
    # A day may pass without a row where a typical one has fewer: ten visits, below which chance alone empties a day.
    quiet: int = 50
    # A share may be this many times the usual one; a clean history counts as `floor`, a bad one at most as `young`.
    factor: float = 3.0
    late_floor: float = 0.01
    late_young: float = 0.10
    quarantined_floor: float = 0.005
    quarantined_young: float = 0.05
    # Events that repeat another one in all but their id: how many of them are right, only the source itself can tell.
    repeated_floor: float = 0.02
    # A day's shares (of an event, of filled values, of late ones) differ from the usual one by so many deviations of
    # the days before, or of chance, and a few events, before they count.
    deviations: float = 5.0
    cluster: float = 2.0  # events of a kind come in twos: a search is refined, a page reloaded
    few: int = 4
    # What never happened (or always did) among so many is wrong when it happens to more than one and this share.
    certain: int = 50
    certain_share: float = 0.1
    # A device that was offline brings all of its events late; a clock or time zone that is wrong is wrong for more.
    times_floor: float = 0.05
    # Typical amounts are compared where so many are known, and differ by a tenth at least.
    least_amounts: int = 10
    amounts_floor: float = 0.1
    # Events come in visits, and what happens to one happens to the whole visit: the unit of chance is not the event.
    visit: int = 5
    # A column has fallen silent when so many values were to be expected on a day and none came.
    silent: int = 50


LIMITS = Limits()


@dataclass(frozen=True)
class Band:
    """The rows that a day may have."""

    low: float
    high: float


def rows_band(history: Sequence[int], limits: Limits = LIMITS) -> Band:
    """The band for a day's rows, from the rows of the days before it that had any (at most `history_days`).

    With a full history the lowest and the highest day are left out, so that one bad day does not stretch the band for
    two weeks. With a young one there is only a lower limit: a row.
    """
    days = sorted(history)
    if not days or days[len(days) // 2] < limits.quiet:
        return Band(0, math.inf)
    if len(days) < limits.young_days:
        return Band(1, math.inf)
    trimmed = days[1:-1] if len(days) >= limits.history_days else days
    low, high = trimmed[0], trimmed[-1]
    # Beside the factor, chance: on small counts three standard deviations are more than half of the day.
    return Band(max(1.0, min(low * limits.fewest, low - 3 * math.sqrt(low * limits.visit))), high * limits.most)


def share_limit(count: int, usual: float, limits: Limits = LIMITS) -> float:
    """The largest share of `count` events that is still usual where `usual` is the share of the days before.

    `factor` times the usual share, and what chance may add to a day of that size; 1 where the day is too small for any
    verdict.
    """
    if count <= 0:
        return 1.0
    allowed = limits.factor * usual * count
    chance = 4 * math.sqrt(allowed * limits.visit) + 2 * limits.visit
    return min(1.0, (allowed + chance) / count)


def usual_share_of_repeated(part: int, whole: int, days: int, limits: Limits = LIMITS) -> float:
    """The share to compare with: that of the history, at least `repeated_floor`; 1 (no verdict) for a young source.

    A high one is taken at its word: lines of an order may repeat each other, and a day that was delivered twice is
    caught on the first day, before it could become usual.
    """
    if days < limits.young_days or whole <= 0:
        return 1.0
    return max(part / whole, limits.repeated_floor)


def usual_share(part: int, whole: int, days: int, floor: float, young: float, limits: Limits = LIMITS) -> float:
    """The share to compare with: that of the history within `floor` and `young`, or `young` for a young source."""
    if days < limits.young_days or whole <= 0:
        return young
    return min(max(part / whole, floor), young)
