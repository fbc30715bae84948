"""The table of UTC offsets by date says of any moment what the time zone says."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almanac.local_days import FIRST_DATE, LAST_DATE, local_days

# Half an hour of summer time, a day that was left out, a month of winter in summer, years of one offset, changes at
# midnight local and UTC.
ZONES = (
    "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Asia/Kolkata", "America/Sao_Paulo", "Africa/Cairo",
    "Asia/Pyongyang", "Europe/Berlin", "Europe/London", "America/New_York", "Asia/Gaza", "UTC",
)  # fmt: skip
MOMENTS = st.datetimes(datetime(FIRST_DATE.year, 1, 1), datetime(LAST_DATE.year, 12, 31, 23, 59))


def offset(zone: str, moment: datetime) -> int:
    """The offset of a naive UTC moment in seconds, as a model finds it."""
    table = local_days(zone)
    row = table.slice((moment.date() - FIRST_DATE).days, 1).to_pylist()[0]
    assert (row["time_zone"], row["utc_date"]) == (zone, moment.date())
    is_changed = row["changes_at"] is not None and row["changes_at"] <= moment
    return row["offset_after_seconds"] if is_changed else row["offset_seconds"]


def known(zone: str, moment: datetime) -> int:
    """The same from the time zone itself."""
    found = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).utcoffset()
    assert found is not None
    return int(found.total_seconds())


@given(st.sampled_from(ZONES), MOMENTS)
@settings(max_examples=100, deadline=None)
def test_any_moment_has_the_offset_of_its_zone(zone: str, moment: datetime) -> None:
    assert offset(zone, moment) == known(zone, moment)


@pytest.mark.parametrize("zone", ZONES)
def test_the_seconds_around_every_change_have_their_offsets(zone: str) -> None:
    for change in local_days(zone).column("changes_at").to_pylist():
        if change is not None:
            for moment in (change - timedelta(seconds=1), change):
                assert offset(zone, moment) == known(zone, moment), moment


def test_every_date_has_one_row() -> None:
    dates = local_days("Europe/Berlin").column("utc_date").to_pylist()
    assert dates == [FIRST_DATE + timedelta(days=n) for n in range((LAST_DATE - date(1990, 1, 1)).days + 1)]


@pytest.mark.deep
def test_every_date_of_every_zone_begins_with_its_offset() -> None:
    """Nothing changes and changes back between the dates that are looked at."""
    starts = [datetime(FIRST_DATE.year, 1, 1) + timedelta(days=n) for n in range((LAST_DATE - FIRST_DATE).days + 1)]
    for zone in sorted(available_timezones()):
        offsets = local_days(zone).column("offset_seconds").to_pylist()
        assert offsets == [known(zone, start) for start in starts], zone
