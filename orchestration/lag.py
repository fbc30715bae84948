"""How far what is shown lies behind what has arrived, as a number that Dagster draws over time."""

from datetime import UTC, datetime


def lag(words: str, newest: datetime | str | None, until: datetime | None = None) -> dict[str, float]:
    """Metadata called `words`: the seconds from the newest arrival to `until` (aware; now by default).

    `newest` is in UTC, an ISO 8601 text or a time; without an offset it is UTC. Nothing if nothing has arrived.
    """
    if not newest:
        return {}
    moment = datetime.fromisoformat(newest) if isinstance(newest, str) else newest
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return {words: round(((until or datetime.now(UTC)) - aware).total_seconds(), 1)}
