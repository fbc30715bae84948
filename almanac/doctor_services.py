"""Programs beside this one, examined like the rest of an installation: Dagster's daemon, PostgreSQL for BI tools."""

from collections.abc import Iterator
from datetime import UTC, datetime

from almanac.daemon import look as look_at_daemon
from almanac.doctor import Line
from almanac.errors import AlmanacError
from almanac.settings import DAGSTER_DSN, Settings

_START = "start Dagster's daemon (docs/runbooks/late-data.md)"


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
