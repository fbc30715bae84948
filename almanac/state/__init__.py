"""Application state: what people and programs decide while Almanac runs, such as write keys.

Belongs here: tables that the application itself writes, their migrations, functions over them. Does not belong here:
anything that can be computed from events (dbt_project). SQLite in `settings.home` unless a PostgreSQL URL is given.
"""

from almanac.state.database import StateDB, open_state
from almanac.state.keys import WriteKey, active_keys, create_key, find_key, hash_key, list_keys, revoke_key

__all__ = [
    "StateDB",
    "WriteKey",
    "active_keys",
    "create_key",
    "find_key",
    "hash_key",
    "list_keys",
    "open_state",
    "revoke_key",
]
