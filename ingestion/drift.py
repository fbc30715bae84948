"""The drift report as the published version shows it: what events carry otherwise than the plan and the days before."""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import duckdb

from almanac import versions
from almanac.settings import Settings

_WORDS = {
    "new": "undeclared, and not seen in the 28 days before",
    "missing": "gone, or nearly",
    "type_changed": "came as a type that it did not have before",
}


@dataclass(frozen=True)
class Drift:
    """One row of `mv_daily_drift`; see that model for what the kinds mean."""

    received_date: date
    tenant: str
    event: str
    property: str
    drift: str
    json_type: str
    declared_type: str | None
    event_count: int
    drift_count: int
    usual_ratio: float | None

    def text(self) -> str:
        """The drift in words."""
        usual = "" if self.usual_ratio is None else f" (usually on {self.usual_ratio:.0%} of the events)"
        declared = f", declared {self.declared_type}" if self.declared_type else ", not declared"
        if self.drift == "missing":
            return f"{_WORDS[self.drift]}{usual}"
        return f"{_WORDS[self.drift]}: {self.json_type or 'as declared'}{declared if self.drift != 'new' else ''}"

    def document(self) -> dict[str, Any]:
        """The row as a JSON object."""
        return {**asdict(self), "received_date": self.received_date.isoformat()}


def read_drift(settings: Settings, tenant: str | None, days: int) -> list[Drift] | None:
    """Drift of the last `days` UTC days of arrival that the published version knows, newest first.

    None where nothing is published yet.
    """
    version = versions.current(settings)
    if version is None:
        return None
    query = """
        select d.received_date, d.tenant, d.event, d.property, d.drift, d.json_type, d.declared_type, d.event_count,
            d.drift_count, d.usual_ratio
        from mv_daily_drift as d
        where (? is null or d.tenant = ?)
            and d.received_date > (select max(received_date) from mv_daily_arrivals) - cast(? as integer)
        order by d.received_date desc, d.tenant, d.event, d.property, d.drift, d.json_type
    """
    with versions.hold(version), duckdb.connect(str(version.path), read_only=True) as connection:
        return [Drift(*row) for row in connection.execute(query, [tenant, tenant, days]).fetchall()]
