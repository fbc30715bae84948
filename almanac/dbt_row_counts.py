"""How many rows a model has when dbt has made it, asked within the process that holds the warehouse open."""

from typing import Any

import duckdb


def row_count(event: dict[str, Any]) -> int | None:
    """The rows of the table that dbt's result `event` is about, as it stands then.

    None for what is no table or was not made, and where the engine is not DuckDB, which alone counts a whole table
    without reading it.
    """
    node = event["data"].get("node_info") or {}
    relation = (node.get("node_relation") or {}).get("relation_name")
    if event["info"]["name"] != "LogModelResult" or node.get("node_status") != "success" or not relation:
        return None
    if node.get("materialized") == "view":
        return None
    return _count(relation)


def _count(relation: str) -> int | None:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment = DuckDBConnectionManager._ENV
    connection = getattr(environment, "conn", None)
    if connection is None:
        return None
    try:
        with connection.cursor() as cursor:
            found = cursor.execute(f"select count(*) from {relation}").fetchone()
    except duckdb.Error:  # it only informs: no model fails for it
        return None
    return int(found[0]) if found else None
