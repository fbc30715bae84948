"""The expectations on arriving data, on frames and on days made by hand."""

import math
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from almanac.errors import AlmanacError
from almanac.yaml_files import load
from expectations.arrivals import MISSING, Day, Judged, Period, excused, judge_days, since
from expectations.judge import CHECKS, _accepted
from expectations.limits import LIMITS, Band, rows_band, share_limit, usual_share
from expectations.profile import PROFILED
from expectations.suite import COLUMNS, Validator, frame
from ingestion.tracking_plan import Accepted, Source, load_plan

FIRST = date(2026, 3, 2)
NEWEST = FIRST + timedelta(days=20)


@pytest.fixture(scope="module")
def validator() -> Validator:
    return Validator()


def day(
    position: int, received: int = 100, late: int = 1, quarantined: int = 1, repeated: int = 0, **filled: int
) -> Day:
    accepted = received - quarantined
    return Day(FIRST + timedelta(days=position), received, accepted, late, quarantined, filled, repeated)


def judged(**changes: Any) -> Judged:
    usual = Judged(day(18), 50, 400, 0.2, 0.1, ())
    own = {k: v for k, v in changes.items() if k in ("received", "late", "quarantined", "repeated")}
    limits = {k: v for k, v in changes.items() if k not in own}
    return replace(usual, day=day(18, **own), **limits)


def failed(validator: Validator, arrivals: Any, expected_days: int = 1) -> set[str]:
    passed = validator.passed(arrivals, expected_days)
    assert set(passed) == set(CHECKS)
    return {name for name, ok in passed.items() if not ok}


class TestTheSuiteOnFrames:
    def test_a_usual_day_passes(self, validator: Validator) -> None:
        assert failed(validator, frame((judged(),))) == set()

    @pytest.mark.parametrize(
        ("changes", "check"),
        [
            ({"received": 49}, "rows_are_usual"),
            ({"received": 401}, "rows_are_usual"),
            ({"received": 0, "quarantined": 0}, "rows_are_usual"),
            ({"late": 30}, "late_share_is_usual"),
            ({"quarantined": 30}, "quarantined_share_is_usual"),
            ({"repeated": 30, "repeated_share_limit": 0.2}, "repeated_share_is_usual"),
            ({"silent": ("booking_id",)}, "no_column_is_silent"),
        ],
    )
    def test_each_bad_day_fails_its_own_check_alone(
        self, validator: Validator, changes: dict[str, Any], check: str
    ) -> None:
        assert failed(validator, frame((judged(), judged(**changes), judged())), 3) == {check}

    def test_a_value_at_its_limit_passes(self, validator: Validator) -> None:
        assert failed(validator, frame((judged(received=50), judged(received=400))), 2) == set()

    def test_a_day_that_is_not_there_fails(self, validator: Validator) -> None:
        assert failed(validator, frame((judged(), judged())), 3) == {"every_day_is_present"}

    def test_an_empty_frame_fails_although_there_is_no_value_that_could(self, validator: Validator) -> None:
        assert failed(validator, frame(())) == {"every_day_is_present"}

    @pytest.mark.parametrize("column", COLUMNS)
    def test_a_column_without_any_value_fails(self, validator: Validator, column: str) -> None:
        arrivals = frame((judged(), judged()))
        arrivals[column] = None
        [words] = failed(validator, arrivals, 2)
        assert column.split("_")[0].replace("received", "rows") in words


class TestTheBandOfRows:
    def test_half_of_the_lowest_to_four_times_the_highest_usual_day(self) -> None:
        assert rows_band([1_000] * 8) == Band(500, 4_000)

    def test_one_odd_day_does_not_stretch_it(self) -> None:
        assert rows_band([1_000] * 12 + [1, 90_000]) == Band(500, 4_000)

    def test_both_weekend_days_of_two_weeks_are_usual(self) -> None:
        assert rows_band([4_000] * 10 + [800, 800, 900, 900]).low == 400

    def test_small_counts_get_the_room_that_chance_needs(self) -> None:
        assert rows_band([80] * 14).low == pytest.approx(80 - 3 * math.sqrt(80 * 5))
        assert rows_band([50] * 14).low == pytest.approx(50 - 3 * math.sqrt(50 * 5))

    def test_a_young_source_needs_a_row_a_day_and_no_more(self) -> None:
        assert rows_band([100] * 6) == Band(1, math.inf)

    @pytest.mark.parametrize("history", [[], [3] * 14, [49] * 14])
    def test_a_source_without_history_or_with_few_rows_a_day_may_be_silent(self, history: list[int]) -> None:
        assert rows_band(history).low == 0


class TestTheLimitOfAShare:
    def test_it_comes_down_to_three_times_the_usual_share_as_days_grow(self) -> None:
        limits = [share_limit(n, 0.02) for n in (50, 500, 5_000, 5_000_000)]
        assert limits == sorted(limits, reverse=True)
        assert limits[-1] == pytest.approx(0.06, abs=0.001)

    def test_a_day_of_a_few_events_gets_no_verdict(self) -> None:
        assert share_limit(10, 0.01) == 1.0
        assert share_limit(0, 0.01) == 1.0

    def test_a_young_source_is_judged_by_absolute_values(self) -> None:
        assert usual_share(0, 600, 6, 0.01, 0.1) == 0.1
        assert usual_share(0, 0, 14, 0.01, 0.1) == 0.1

    def test_neither_a_clean_nor_a_bad_history_is_taken_at_its_word(self) -> None:
        assert usual_share(0, 1_400, 14, 0.01, 0.1) == 0.01
        assert usual_share(900, 1_400, 14, 0.01, 0.1) == 0.1
        assert usual_share(42, 1_400, 14, 0.01, 0.1) == 0.03


class TestRepeatedEvents:
    def limit(self, repeated: int, days: int = 20) -> float:
        usual = [day(n, received=100_001, repeated=repeated) for n in range(20 - days, 20)]
        return judge_days([*usual, day(20)], NEWEST).present[-1].repeated_share_limit

    def test_of_a_young_source_nothing_is_said(self) -> None:
        assert self.limit(0, days=LIMITS.young_days) == 1.0
        assert self.limit(0, days=LIMITS.young_days + 1) < 0.1

    def test_a_usual_share_is_taken_at_its_word_however_high(self) -> None:
        assert self.limit(0) == pytest.approx(0.06, abs=0.01)
        assert self.limit(20_000) == pytest.approx(0.6, abs=0.03)


class TestWhichDaysAreJudged:
    def test_the_three_newest_complete_ones(self) -> None:
        period = judge_days([day(n) for n in range(21)], NEWEST)
        assert [j.day.received_date for j in period.present] == [NEWEST - timedelta(days=n) for n in (3, 2, 1)]
        assert period.missing == ()

    def test_never_the_day_of_the_newest_arrival(self) -> None:
        period = judge_days([*(day(n) for n in range(20)), day(20, received=2, late=2)], NEWEST)
        assert all(j.day.received == 100 for j in period.present)

    def test_a_missing_day_is_named(self) -> None:
        period = judge_days([day(n) for n in range(21) if n != 18], NEWEST)
        assert period.missing == (FIRST + timedelta(days=18),)
        assert period.expected_days == 3

    def test_a_source_that_died_long_ago_is_still_missed(self) -> None:
        period = judge_days([day(n) for n in range(10)], FIRST + timedelta(days=90))
        assert len(period.missing) == LIMITS.judged_days
        assert period.present == ()

    def test_days_before_the_first_arrival_are_not_expected(self) -> None:
        period = judge_days([day(19), day(20)], NEWEST)
        assert [j.day.received_date for j in period.present] == [NEWEST - timedelta(days=1)]
        assert period.missing == ()

    def test_nothing_is_judged_on_the_first_day(self) -> None:
        period = judge_days([day(20)], NEWEST)
        assert (period.present, period.missing) == ((), ())

    def test_a_quiet_source_may_miss_a_day(self) -> None:
        period = judge_days([day(n, received=30, late=0) for n in range(21) if n != 18], NEWEST)
        assert period.missing == ()

    def test_a_landing_without_a_row_is_a_day_with_too_few(self) -> None:
        empty = Day(FIRST + timedelta(days=18), 0, 0, 0, 0)
        days = sorted([*(day(n) for n in range(21) if n != 18), empty], key=lambda d: d.received_date)
        found = next(j for j in judge_days(days, NEWEST).present if j.day is empty)
        assert found.day.received < found.received_min

    def test_reading_starts_where_the_oldest_history_does(self) -> None:
        days = [day(n) for n in range(21)]
        oldest = judge_days(days, NEWEST).present[0].day.received_date
        assert since(days, NEWEST) == oldest - timedelta(days=LIMITS.history_days)


class TestSilentColumns:
    def days(self, **newest: int) -> list[Day]:
        return [*(day(n, user_id=95, booking_id=2, channel=0) for n in range(19)), day(19, **newest), day(20)]

    def silent(self, **newest: int) -> tuple[str, ...]:
        return judge_days(self.days(**newest), NEWEST).present[-1].silent

    def test_a_column_that_lost_all_its_values_is_named(self) -> None:
        assert self.silent(user_id=0, booking_id=2, channel=0) == ("user_id",)

    def test_one_value_is_enough(self) -> None:
        assert self.silent(user_id=1, booking_id=0, channel=0) == ()

    def test_a_column_that_is_rarely_filled_may_be_empty_for_a_day(self) -> None:
        assert self.silent(user_id=95, booking_id=0, channel=0) == ()


class TestWhatIsAccepted:
    """A person has said that a day is right: it passes that check, and only that one."""

    BAD = judged(
        received=20, late=15, quarantined=5, repeated=10, silent=("city",), repeated_share_limit=0.1,
        quarantined_share_limit=0.1, unusual=dict.fromkeys(PROFILED, ("something",)),
    )  # fmt: skip

    def failing(self, validator: Validator, *accepted: str, on: date = BAD.day.received_date) -> set[str]:
        period = Period((self.BAD,), (FIRST,))
        period = excused(period, [Accepted(day=on, check=check, why="a reason") for check in accepted])
        return failed(validator, frame(period.present), period.expected_days)

    def test_without_it_every_check_fails(self, validator: Validator) -> None:
        assert self.failing(validator) == set(CHECKS)

    @pytest.mark.parametrize("check", sorted(set(CHECKS) - {MISSING}))
    def test_that_check_passes_on_that_day(self, validator: Validator, check: str) -> None:
        assert self.failing(validator, check) == set(CHECKS) - {check}
        assert self.failing(validator, check, on=FIRST) == set(CHECKS)

    def test_a_day_without_rows_may_be_right(self, validator: Validator) -> None:
        assert self.failing(validator, MISSING, on=FIRST) == set(CHECKS) - {MISSING}

    def test_all_days_without_rows_may_be_right(self) -> None:
        period = excused(Period((), (FIRST,)), [Accepted(day=FIRST, check=MISSING, why="closed")])
        assert (period.present, period.missing) == ((), ())

    def test_a_check_that_there_is_not_is_named(self) -> None:
        plan = load_plan()
        web = Source(expected="daily", accepted=[Accepted(day=FIRST, check="mixed_up", why="?")])
        tenant = plan.tenants["rentals"].model_copy(update={"sources": {"web": web}})
        with pytest.raises(
            AlmanacError, match=r"tenants/rentals.yml accepts 'mixed_up' on 2026-03-02, which is no check"
        ):
            _accepted(replace(plan, tenants={**plan.tenants, "rentals": tenant}))

    def test_a_tenants_file_says_it_in_yaml(self) -> None:
        text = "expected: daily\naccepted:\n- {day: 2026-11-25, check: mix_is_usual, why: a reason}\n"
        source = Source.model_validate(load(text))
        assert source.accepted == [Accepted(day=date(2026, 11, 25), check="mix_is_usual", why="a reason")]
