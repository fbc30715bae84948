"""Options that several commands about what was refused have: when it arrived."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import click


class Moment(click.ParamType[datetime]):
    """A UTC date or time; a date that ends a range is part of it."""

    name = "time"

    def __init__(self, *, is_end: bool = False) -> None:
        self._is_end = is_end

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """A naive time in UTC."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
            is_day = len(value) == len("2026-03-01") and date.fromisoformat(value) is not None
        except ValueError:
            self.fail(f"{value!r} is no date or time such as 2026-03-01 or 2026-03-01T14:30Z", param, ctx)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        return moment + timedelta(days=1) if is_day and self._is_end else moment


SINCE = click.option("--since", type=Moment(), help="Only what arrived from this UTC date or time on.")
UNTIL = click.option("--until", type=Moment(is_end=True), help="Only up to this UTC date (with it) or time (without).")
