"""The page of expectations: what each source is expected to send, the limits that its days met, and what came of it.

A static page below the home, `docs/expectations/index.html`, written anew with each judgement. Great Expectations' own
pages know a suite of columns and numbers; a reader asks for sources, days and sentences, so this page says these.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from almanac import durable
from almanac.checks import CheckResult
from almanac.locks import exclusive
from almanac.settings import ROOT, Settings
from expectations.judge import CHECKS, expected_sources
from expectations.limits import LIMITS
from expectations.profile import PROFILED
from ingestion.tracking_plan import Plan, load_plan

PAGE, STYLE = "index.html", "style.css"
DOCS_ADDRESS = "/quality/expectations/"  # on the portal
_LOOK = ROOT / "serving" / "static" / "tokens.css"  # one look for everything that a person sees
_RULES = Path(__file__).with_name("docs.css")
_NUMBERS = (
    ("received", "Received", "{:,.0f}"), ("received_min", "At least", "{:,.0f}"),
    ("received_max", "At most", "{:,.0f}"),
    ("late_share", "Late", "{:.1%}"), ("late_share_limit", "At most", "{:.1%}"),
    ("quarantined_share", "Quarantined", "{:.1%}"), ("quarantined_share_limit", "At most", "{:.1%}"),
    ("repeated_share", "Repeated", "{:.1%}"), ("repeated_share_limit", "At most", "{:.1%}"),
)  # fmt: skip


def docs_page(settings: Settings) -> Path:
    """Where the page lies; it is there after the first judgement."""
    return settings.home / "docs" / "expectations" / PAGE


def write_docs(settings: Settings, results: Sequence[CheckResult], at: datetime) -> Path:
    """Write the page for a judgement made `at` (aware); whoever reads it sees the old page or the new one."""
    page = docs_page(settings)
    text = render(load_plan(settings.root), results, at)
    with exclusive(page.parent / ".lock", "the page of expectations", wait_seconds=60):
        durable.write_text(
            page.with_name(STYLE), _LOOK.read_text(encoding="utf-8") + _RULES.read_text(encoding="utf-8")
        )
        durable.write_text(page, text)
    return page


def render(plan: Plan, results: Sequence[CheckResult], at: datetime) -> str:
    """The page as HTML that loads nothing but the style beside it."""
    by_source: dict[str, dict[str, CheckResult]] = {}
    for result in results:
        by_source.setdefault(result.subject, {})[result.name] = result
    sources = ["/".join(source) for source in expected_sources(plan)]
    failed = sum(not result.passed for result in results)
    said = f"{len(results)} judged, {failed} did not pass" if results else "nothing was judged yet"
    body = [
        "<h1>Expectations on arriving data</h1>",
        f'<p class="muted">As judged {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC: {said}. The newest '
        f"{LIMITS.judged_days} complete days of a source (UTC days of arrival) are each laid beside the "
        f"{LIMITS.history_days} days before.</p>",
        *(_source(name, by_source.get(name, {})) for name in sources),
        _unwatched(plan),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Expectations – Almanac</title>'
        f'<link rel="stylesheet" href="{STYLE}"></head><body>\n' + "\n".join(body) + "\n</body></html>\n"
    )


def unwatched(plan: Plan) -> list[str]:
    """Sources (`tenant/source`) that are declared and not expected daily: no day of theirs is judged."""
    watched = set(expected_sources(plan))
    declared = {(tenant.tenant, source) for tenant in plan.tenants.values() for source in tenant.sources}
    return sorted("/".join(source) for source in declared - watched)


def limit(check: str, day: dict[str, Any] | None) -> str:
    """The limit of an expectation in words: that of a judged day (of a result's details), else the rule behind it."""
    if check in PROFILED:
        return f"within {LIMITS.deviations:g} deviations of the days before, or of chance"
    if check == "every_day_is_present":
        return f"a row on each of the newest {LIMITS.judged_days} complete days"
    if check == "no_column_is_silent":
        return f"a value where at least {LIMITS.silent} are to be expected"
    if day is None:
        return "set by the days before"
    if check == "rows_are_usual":
        low, high = day["received_min"], day["received_max"]
        return f"at least {low:,.0f} rows" + (f", at most {high:,.0f}" if high is not None else "")
    return f"at most {day[check.removesuffix('_is_usual') + '_limit']:.1%}"


def _source(name: str, results: dict[str, CheckResult]) -> str:
    details = next((result.details for result in results.values() if result.details.get("days")), {})
    days: list[dict[str, Any]] = details.get("days") or []
    rows = [_row(check, sentence, results.get(check), days) for check, sentence in CHECKS.items()]
    parts = [
        f'<section id="{escape(name)}"><h2>{escape(name)}</h2>',
        _table(("Expectation", "Limit on the newest judged day", "Last result", "What it said"), rows),
        _days(days),
    ]
    for result in results.values():
        samples = result.details.get("sample rows") or []
        if samples:
            parts.append(f"<h3>Sample rows: {escape(CHECKS[result.name])}</h3>")
            cells = [[_cell(row[column]) for column in samples[0]] for row in samples]
            parts.append(_table(list(samples[0]), cells))
    return "\n".join([*parts, "</section>"])


def _row(check: str, sentence: str, result: CheckResult | None, days: Sequence[dict[str, Any]]) -> list[str]:
    verdict, words = '<td class="muted verdict">not judged</td>', ""
    if result is not None:
        tone, word = ("good", "✓ passed") if result.passed else ("bad", "✗ failed")
        if not result.passed and result.severity == "warn":
            tone, word = "warn", "! warned"
        verdict, words = f'<td class="{tone} verdict">{word}</td>', result.message
    head = f'<th scope="row">{escape(sentence)}<small><code>{check}</code></small></th>'
    return [head, _cell(limit(check, days[-1] if days else None)), verdict, _cell(words)]


def _days(days: Sequence[dict[str, Any]]) -> str:
    if not days:
        return '<p class="muted">No complete day has been judged yet.</p>'
    rows = [
        [
            f'<th scope="row">{escape(str(day["received_date"]))}</th>',
            *(_number(day.get(name), form) for name, _, form in _NUMBERS),
            _cell("; ".join([*(f"no value in {c}" for c in day["silent_columns"]), *day["unusual"]])),
        ]
        for day in days
    ]
    return "<h3>Judged days</h3>" + _table(("Day", *(title for _, title, _ in _NUMBERS), "Not as usual"), rows)


def _unwatched(plan: Plan) -> str:
    names = unwatched(plan)
    if not names:
        return ""
    listed = "".join(f"<li>{escape(name)}</li>" for name in names)
    return (
        "<section><h2>Sources without expectations</h2><p>Their days are not judged: they deliver when they deliver. "
        f"<code>expected: daily</code> in the tenant's file of the tracking plan changes that.</p><ul>{listed}</ul>"
        "</section>"
    )


def _table(titles: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    return f"<td>{escape(str(value)) or '-'}</td>"


def _number(value: float | None, form: str) -> str:
    return f'<td class="number">{"-" if value is None else form.format(value)}</td>'
