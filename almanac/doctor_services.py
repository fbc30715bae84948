"""Programs beside this one, examined like the rest: collectors, Dagster's daemon, PostgreSQL for BI tools."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from almanac import doctor
from almanac.daemon import look as look_at_daemon
from almanac.doctor import Line
from almanac.errors import AlmanacError
from almanac.settings import DAGSTER_DSN, Settings
from almanac.state import CollectorSign, collector_signs, open_state

_START = "start Dagster's daemon (docs/runbooks/late-data.md)"
_COLLECTOR_SILENT = timedelta(minutes=2)  # a collector gives a sign twice a minute
_RUNBOOK = "docs/runbooks/late-data.md"


def collectors(settings: Settings) -> Iterator[Line]:
    """Whether each collector gives signs of life and takes events; outside of production one need not run."""
    # Opening a state would bring it up to date; whether it is, is another line's to say.
    if any(line.verdict != "ok" for line in doctor.state(settings)):
        return
    state = open_state(settings)
    try:
        signs = collector_signs(state)
    finally:
        state.close()
    for sign in signs:
        yield _collector(sign, datetime.now(UTC), settings.environment == "production")
    if not signs:
        yield Line("ok", "collector", "none is running")


def _collector(sign: CollectorSign, now: datetime, is_needed: bool) -> Line:
    where = f"{sign.place} ({sign.address})"
    if now - sign.seen_at > _COLLECTOR_SILENT:
        seen = f"{where} is silent since {sign.seen_at:%Y-%m-%d %H:%M} UTC: what it acknowledged waits in its log"
        return Line("fail" if is_needed else "warn", "collector", seen, "start it: almanac collect", sign.seen_at)
    if sign.trouble:
        return Line("fail", "collector", f"{where} takes no events: {sign.trouble}", _RUNBOOK, sign.since)
    kinds = (("cannot be landed", sign.failing_files), ("are damaged", sign.damaged_files))
    if wrong := [f"{count} files of its log {words}" for words, count in kinds if count]:
        return Line("warn", "collector", f"{where}: {', '.join(wrong)}", _RUNBOOK, sign.since)
    seen = f"{where} takes events; {sign.waiting_files} files wait to be landed"
    return Line("ok", "collector", seen, since=sign.since)


def daemon(settings: Settings) -> Iterator[Line]:
    """Whether Dagster's daemon gives signs of life; outside of production it need not."""
    try:
        found = look_at_daemon(settings, datetime.now(UTC))
    except AlmanacError as error:
        yield Line("fail", "daemon", str(error), f"start it, or mend {DAGSTER_DSN}")
        return
    needed = settings.environment == "production"
    since = found.silent_since
    if since:
        seen = f"silent since {since:%Y-%m-%d %H:%M} UTC: {', '.join(found.silent)}"
        yield Line("fail" if needed else "ok", "daemon", seen, _START if needed else "", since)
    elif found.signs:
        yield Line("ok", "daemon", f"gave a sign at {min(found.signs.values()):%Y-%m-%d %H:%M} UTC")
    else:
        yield Line("fail" if needed else "ok", "daemon", "has never run here", _START if needed else "")


def serving(settings: Settings) -> Iterator[Line]:
    """Whether PostgreSQL serves what the portal shows, and keeps tenants apart; nothing where none is configured."""
    if not settings.serving_dsn:
        return
    from almanac.serving_store.status import look
    from almanac.versions import current

    try:
        seen, shown = look(settings), current(settings)
    except AlmanacError as error:
        yield Line("fail", "serving", str(error), "start it, or mend ALMANAC_SERVING_POSTGRES_DSN")
        return
    for problem in seen.problems:
        yield Line("fail", "serving", problem, "almanac serving revoke, or publish anew")
    since = next((one.filled_at for one in seen.versions if one.is_current), None)
    words = f"{seen.database} serves {seen.served or 'nothing'}"
    if shown and seen.served != shown.id:
        yield Line("fail", "serving", words, "almanac serving publish", since)
    elif not seen.problems:
        yield Line("ok", "serving", words if seen.served else f"{words} yet", since=since)
