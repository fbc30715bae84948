"""Some of the rows for which a data test failed, so that whoever is woken by it sees what is wrong at once."""

import hashlib
from contextlib import suppress
from typing import Any

from almanac.settings import Settings

FEW = 5
# Who somebody is, and texts that may say it; equal values stay recognisable as such.
PERSONAL = frozenset(
    {"user_id", "anonymous_id", "person_id", "client_session_id", "session_id", "properties", "traits", "context"}
)
Row = dict[str, str | None]


def failed_rows(settings: Settings, outcomes: dict[str, Any]) -> dict[str, tuple[Row, ...]]:
    """Up to `FEW` rows of each test that failed, by the test's unique id; to be asked while dbt's warehouse is open.

    Values are text; those that may name a person are masked. A test whose rows cannot be read has none: it has failed
    whatever its rows are.
    """
    failed = {
        i: o.node.compiled_code for i, o in outcomes.items() if str(getattr(o.status, "value", o.status)) == "fail"
    }
    if not failed:
        return {}
    from dbt.adapters.factory import get_adapter_by_type

    adapter: Any = get_adapter_by_type(settings.target)  # type: ignore[no-untyped-call]
    found: dict[str, tuple[Row, ...]] = {}
    for unique_id, sql in failed.items():
        with suppress(Exception), adapter.connection_named(f"rows of {unique_id}"):
            _, table = adapter.execute(f"select * from (\n{sql}\n) as failed limit {FEW}", fetch=True)
            found[unique_id] = tuple(_shown(table.column_names, row) for row in table.rows)
    adapter.cleanup_connections()  # one that stays open would keep the warehouse locked
    return found


def _shown(names: Any, values: Any) -> Row:
    return {name: _text(name, value) for name, value in zip(names, values, strict=True)}


def _text(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if name in PERSONAL:
        return f"masked-{hashlib.sha256(str(value).encode()).hexdigest()[:6]}"
    return str(value)
