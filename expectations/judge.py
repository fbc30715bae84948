"""Judging what arrived from every source that a tenant expects daily, and saying in words what is wrong."""

import importlib
import math
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

from almanac.checks import CheckResult, Severity
from almanac.engines import Engine, open_warehouse
from almanac.errors import AlmanacError
from almanac.settings import Settings
from expectations.arrivals import (
    Day,
    Judged,
    Period,
    Source,
    excused,
    judge_days,
    read_days,
    since,
    with_values,
)
from expectations.off import OFF
from expectations.profile import PROFILED
from expectations.samples import samples
from ingestion.tracking_plan import Accepted, Plan, load_plan

# Our expectations in the order in which they are told, with what each one asks.
CHECKS = {
    "every_day_is_present": "Each of the newest complete days has brought something, and there is something to judge.",
    "rows_are_usual": "The rows of a day lie within the band of the 14 days before it.",
    "late_share_is_usual": "The share of late events is at most three times that of the 14 days before.",
    "quarantined_share_is_usual": "The share of quarantined events is at most three times that of the 14 days before.",
    "repeated_share_is_usual": "The share of events that repeat another one under a new id is at most three times that "
    "of the 14 days before.",
    "no_column_is_silent": "No column that used to have values has lost all of them.",
    "values_are_filled": "The events of each kind have values as often as on the 14 days before.",
    "times_are_usual": "As many events as usual arrive within an hour and with a time that can be used.",
    "mix_is_usual": "The kinds of events, and the currencies of amounts, are mixed as on the 14 days before.",
    "refusals_are_usual": "Of each kind of event as few are refused as on the 14 days before.",
    "keys_are_known": "Bookings are of listings that somebody looked at, as often as on the 14 days before.",
    "amounts_are_usual": "The typical amount of each kind of event is that of the 14 days before.",
}


def run(settings: Settings, newest: date | None = None) -> list[CheckResult]:
    """Judge the arrivals in the private warehouse of `settings.target`; one result per expected source and expectation.

    Days are UTC days of arrival; the day of the newest arrival is not complete and not judged, so the verdict depends
    on the data alone, never on the clock. `newest` looks back: as if nothing had arrived after that day. A source
    from which nothing has ever come is a warning; every other failure
    blocks publishing. Raises AlmanacError if the warehouse cannot be opened.
    """
    plan = load_plan(settings.root)
    sources, accepted = expected_sources(plan), _accepted(plan)
    with open_warehouse(settings, read_only=True) as engine:
        if not engine.execute(
            "select 1 from information_schema.tables where table_schema = 'marts' and table_name = 'mv_daily_arrivals'"
        ):
            return []
        days = read_days(engine)
        if newest is None:
            newest = max((d.received_date for listed in days.values() for d in listed), default=None)
        known = {s: [d for d in days[s] if d.received_date <= newest] for s in sources if newest and s in days}
        if newest and known:
            known = with_values(engine, known, min(since(listed, newest) for listed in known.values()))
        periods = {
            s: excused(judge_days(known[s], newest), accepted[s]) if newest and s in known else None for s in sources
        }
        return [_with_samples(engine, result, periods) for result in _results(periods)]


def expected_sources(plan: Plan) -> list[Source]:
    """Tenant and name of every source from which rows are expected each day."""
    return sorted(
        (tenant.tenant, name)
        for tenant in plan.tenants.values()
        for name, source in tenant.sources.items()
        if source.expected == "daily"
    )


def _accepted(plan: Plan) -> dict[Source, list[Accepted]]:
    """What the tracking plan accepts, by source. Raises AlmanacError for a check that there is not."""
    found = {
        (tenant.tenant, name): source.accepted
        for tenant in plan.tenants.values()
        for name, source in tenant.sources.items()
    }
    for (tenant, _), listed in found.items():
        for one in listed:
            if one.check not in CHECKS:
                raise AlmanacError(
                    f"tenants/{tenant}.yml accepts {one.check!r} on {one.day}, which is no check: use one of "
                    f"{', '.join(CHECKS)}"
                )
    return found


def load_ahead() -> None:
    """Load Great Expectations beside other work: it takes seconds, and a build waits for another process anyway."""

    def load() -> None:
        with suppress(Exception):  # whoever needs it next meets the error
            importlib.import_module("expectations.suite")

    # No daemon: a process that ends in the middle of an import can crash.
    threading.Thread(target=load, name="load expectations").start()


def _results(periods: dict[Source, Period | None]) -> list[CheckResult]:
    """The verdicts; Great Expectations is only loaded when there is a day to judge."""
    results: list[CheckResult] = []
    for source, period in periods.items():
        if period is None:
            results += _unheard(source)
        elif not period.present and not period.missing:
            results += [_result(source, name, True, "no complete day to judge yet") for name in CHECKS]
        else:
            from expectations.suite import frame, validator

            passed = validator().passed(frame(period.present), period.expected_days)
            results += [
                _result(source, name, passed[name], _words(name, period, passed[name]), details=_details(period))
                for name in CHECKS
            ]
    return results


def _with_samples(engine: Engine, result: CheckResult, periods: dict[Source, Period | None]) -> CheckResult:
    """The verdict with some of the rows that made it fail."""
    tenant, _, source = result.subject.partition("/")
    period = periods.get((tenant, source))
    if result.passed or period is None:
        return result
    rows = samples(engine, (tenant, source), result.name, period)
    return replace(result, details={**result.details, "sample rows": rows}) if rows else result


def _unheard(source: Source) -> list[CheckResult]:
    first, *others = CHECKS
    nothing = "nothing has arrived from this source yet"
    return [
        _result(source, first, False, nothing, severity="warn"),
        *(_result(source, name, True, nothing) for name in others),
    ]


def _result(
    source: Source,
    name: str,
    passed: bool,
    message: str,
    *,
    severity: Severity = "error",
    details: dict[str, Any] | None = None,
) -> CheckResult:
    return CheckResult(name, "expectation", "/".join(source), severity, passed, message, details or {})


def _words(name: str, period: Period, passed: bool) -> str:
    if passed:
        days = {j.day.received_date for j in period.present}
        accepted = [f"; accepted on {a.day}: {a.why}" for a in period.accepted if a.check == name and a.day in days]
        return f"{_dates(sorted(days))} judged{''.join(accepted)}"
    said = _SAYING[name](period)
    return said or "the days could not be judged"


def _missing(period: Period) -> str:
    return f"no rows on {_dates(period.missing)}, and rows are expected daily" if period.missing else ""


def _rows(period: Period) -> str:
    return _each(
        period,
        OFF["rows_are_usual"],
        lambda j: (
            f"{j.day.received:,} rows, at least {math.ceil(j.received_min):,} expected"
            if j.day.received < j.received_min
            else f"{j.day.received:,} rows, at most {math.floor(j.received_max):,} expected"
        ),
    )


def _late(period: Period) -> str:
    return _each(
        period,
        OFF["late_share_is_usual"],
        lambda j: f"{j.late_share:.1%} late, at most {j.late_share_limit:.1%} usual",
    )


def _quarantined(period: Period) -> str:
    return _each(
        period,
        OFF["quarantined_share_is_usual"],
        lambda j: f"{j.quarantined_share:.1%} quarantined, at most {j.quarantined_share_limit:.1%} usual",
    )


def _repeated(period: Period) -> str:
    return _each(
        period,
        OFF["repeated_share_is_usual"],
        lambda j: (
            f"{j.repeated_share:.1%} of {j.day.accepted:,} events repeat another one under a new id, at most "
            f"{j.repeated_share_limit:.1%} usual: was the day delivered twice?"
        ),
    )


def _silent(period: Period) -> str:
    return _each(period, OFF["no_column_is_silent"], lambda j: f"no value in {', '.join(j.silent)}")


def _unusual(check: str, period: Period) -> str:
    return _each(period, OFF[check], lambda j: ", ".join(j.unusual[check]))


_SAYING: dict[str, Callable[[Period], str]] = {
    "every_day_is_present": _missing,
    "rows_are_usual": _rows,
    "late_share_is_usual": _late,
    "quarantined_share_is_usual": _quarantined,
    "repeated_share_is_usual": _repeated,
    "no_column_is_silent": _silent,
    **{check: partial(_unusual, check) for check in PROFILED},
}


def _each(period: Period, wrong: Callable[[Judged], bool], words: Callable[[Judged], str]) -> str:
    return "; ".join(f"{j.day.received_date}: {words(j)}" for j in period.present if wrong(j))


def _dates(days: Iterable[date]) -> str:
    return ", ".join(str(d) for d in days)


def _details(period: Period) -> dict[str, Any]:
    """The judged days with their limits as plain values (JSON)."""
    return {"missing": [str(d) for d in period.missing], "days": [_numbers(j) for j in period.present]}


def _numbers(j: Judged) -> dict[str, Any]:
    day: Day = j.day
    return {
        "received_date": str(day.received_date),
        "received": day.received,
        "received_min": j.received_min,
        "received_max": None if math.isinf(j.received_max) else j.received_max,
        "late_share": j.late_share,
        "late_share_limit": j.late_share_limit,
        "quarantined_share": j.quarantined_share,
        "quarantined_share_limit": j.quarantined_share_limit,
        "repeated_share": j.repeated_share,
        "repeated_share_limit": j.repeated_share_limit,
        "silent_columns": list(j.silent),
        "unusual": [words for check in PROFILED for words in j.unusual.get(check, ())],
    }
