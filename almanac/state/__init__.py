"""Application state: what people and programs decide while Almanac runs, such as write keys.

Belongs here: tables that the application itself writes, their migrations, functions over them. Does not belong here:
anything that can be computed from events (dbt_project). SQLite in `settings.home` unless a PostgreSQL URL is given.
"""

from almanac.state.copies import dump_state, load_state
from almanac.state.database import StateDB, open_state
from almanac.state.incidents import (
    MOST_ATTEMPTS,
    Incident,
    Message,
    Moment,
    Problem,
    Undelivered,
    claim,
    delivered,
    incidents,
    not_delivered,
    track,
    undelivered,
)
from almanac.state.keys import (
    KEY_MARK,
    WriteKey,
    active_keys,
    create_key,
    find_key,
    hash_key,
    limit_key,
    list_keys,
    revoke_key,
)
from almanac.state.suppressions import (
    IdKind,
    SuppressedId,
    SuppressedIds,
    hash_id,
    list_suppressed,
    suppress,
    suppressed_ids,
    suppression_version,
    unsuppress,
)

__all__ = [
    "KEY_MARK",
    "MOST_ATTEMPTS",
    "IdKind",
    "Incident",
    "Message",
    "Moment",
    "Problem",
    "StateDB",
    "SuppressedId",
    "SuppressedIds",
    "Undelivered",
    "WriteKey",
    "active_keys",
    "claim",
    "create_key",
    "delivered",
    "dump_state",
    "find_key",
    "hash_id",
    "hash_key",
    "incidents",
    "limit_key",
    "list_keys",
    "list_suppressed",
    "load_state",
    "not_delivered",
    "open_state",
    "revoke_key",
    "suppress",
    "suppressed_ids",
    "suppression_version",
    "track",
    "undelivered",
    "unsuppress",
]
