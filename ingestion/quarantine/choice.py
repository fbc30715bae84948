"""Which refused events are meant: by whom, why, what and when."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.lake_manifest import Entry


@dataclass(frozen=True)
class Choice:
    """Conditions on refused events; None is no condition.

    `code` and `field` match any reason of an event, not only its first one. `since` (inclusive) and `until`
    (exclusive) are naive UTC and are compared with the time of arrival. `replayed` False: only those that still wait.
    """

    tenant: str | None = None
    source: str | None = None
    code: str | None = None
    field: str | None = None
    event: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    replayed: bool | None = None

    @property
    def is_everything(self) -> bool:
        """Whether no condition narrows the choice (a state is none)."""
        named = (self.tenant, self.source, self.code, self.field, self.event, self.since, self.until)
        return all(value is None for value in named)

    def may_hold(self, entry: Entry) -> bool:
        """Whether a quarantine file can hold a row that is meant, by what the manifest says of it."""
        if self.tenant is not None and entry.tenant != self.tenant:
            return False
        if self.since is not None and (entry.received_max or "") < _iso(self.since):
            return False
        return self.until is None or (entry.received_min or "") < _iso(self.until)

    def of(self, table: pa.Table) -> pa.Table:
        """The rows of a quarantine table that are meant, whether replayed or not."""
        wanted: list[Any] = []
        for column, value in (("source", self.source), ("event", self.event)):
            if value is not None:
                wanted.append(pc.equal(table[column], value))
        for key, value in (("code", self.code), ("field", self.field)):
            if value is not None:
                # Reasons are JSON without spaces, and a quote inside a text is escaped, so this finds members only.
                member = f'"{key}":{json.dumps(value, ensure_ascii=False)}'
                wanted.append(pc.match_substring(table["reasons"], member))
        if self.since is not None:
            wanted.append(pc.greater_equal(table["received_at"], pa.scalar(self.since, pa.timestamp("us"))))
        if self.until is not None:
            wanted.append(pc.less(table["received_at"], pa.scalar(self.until, pa.timestamp("us"))))
        return table.filter(reduce(pc.and_kleene, wanted)) if wanted else table


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
