"""Which judged days are not as they should be, by check."""

from collections.abc import Callable
from functools import partial

from expectations.arrivals import Judged
from expectations.profile import PROFILED


def _is_unusual(check: str, judged: Judged) -> bool:
    return bool(judged.unusual.get(check))


OFF: dict[str, Callable[[Judged], bool]] = {
    "rows_are_usual": lambda j: not j.received_min <= j.day.received <= j.received_max,
    "late_share_is_usual": lambda j: j.late_share > j.late_share_limit,
    "quarantined_share_is_usual": lambda j: j.quarantined_share > j.quarantined_share_limit,
    "repeated_share_is_usual": lambda j: j.repeated_share > j.repeated_share_limit,
    "no_column_is_silent": lambda j: bool(j.silent),
    **{check: partial(_is_unusual, check) for check in PROFILED},
}
