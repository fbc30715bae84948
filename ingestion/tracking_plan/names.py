"""The names that belong to the lake: its envelope columns in order, and which names a property may not take."""

import re

# Column of the lake -> type, in the lake's order. The declared columns stand between ENVELOPE and PLACE.
ENVELOPE: dict[str, str] = {
    "tenant": "string",
    "source": "string",
    "message_id": "uuid",
    "original_message_id": "string",
    "type": "string",
    "event": "string",
    "original_event": "string",
    "user_id": "string",
    "anonymous_id": "string",
    "session_id": "string",
    "event_at": "timestamp",
    "original_at": "timestamp",
    "sent_at": "timestamp",
    "received_at": "timestamp",
    "time_quality": "string",
    "warnings": "string",
    "context": "string",
    "properties": "string",
}
PLACE: dict[str, str] = {"file_id": "uuid", "ingest_row": "bigint"}

CONTEXT_PREFIX = "context_"
LONGEST_COLUMN = 60  # PostgreSQL cuts names at 63 bytes, and some get a prefix or suffix
NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
# Tenants and sources become folder names of the lake.
SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")

# Words that DuckDB or PostgreSQL do not accept as the bare name of a column.
_SQL = """
all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create default
deferrable desc describe distinct do else end except false fetch for foreign from grant group having in initially
intersect into lambda lateral leading limit not null offset on only or order pivot placing primary qualify references
returning select show some summarize symmetric table then to trailing true union unique unpivot user using variadic
when where window with rowid ctid xmin xmax oid tableoid cmin cmax
"""
SQL_WORDS = frozenset(_SQL.split())


def name_problem(name: str) -> str | None:
    """Why a declared property cannot be called `name`, or None if it can."""
    if len(name) > LONGEST_COLUMN:
        return f"{name!r} is too long for a column (column_name_too_long): at most {LONGEST_COLUMN} characters"
    if not NAME.fullmatch(name):
        return f"{name!r} is not snake_case (a-z, 0-9 and _)"
    if name in ENVELOPE or name in PLACE:
        return f"{name!r} is a column of the envelope"
    if name.startswith(CONTEXT_PREFIX):
        return f"{name!r} begins with {CONTEXT_PREFIX!r}, which belongs to the context's columns"
    if name in SQL_WORDS:
        return f"{name!r} is a reserved word of SQL"
    return None
