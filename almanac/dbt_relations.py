"""What dbt's manifest says of a model or source that lineage needs, in plain words that cross a process."""

import re
from dataclasses import dataclass
from typing import Any

# The macro by which a model reads a kind of lake file; dbt itself sees only that it reads the load log.
_LAKE_ROWS = re.compile(r"\blake_rows\(\s*[\"'](\w+)[\"']\s*\)")


@dataclass(frozen=True)
class Column:
    """A column as it is declared; the type may be empty where no contract states it."""

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class Relation:
    """A model or a source: where it lies, its columns, and what it reads."""

    database: str
    schema: str
    name: str
    description: str = ""
    columns: tuple[Column, ...] = ()
    reads: tuple[str, ...] = ()  # unique ids of models and sources
    lake: tuple[str, ...] = ()  # kinds of lake files, such as `events`


def relations_of(manifest: Any) -> dict[str, Relation]:
    """Every model and source of dbt's manifest by unique id."""
    nodes = manifest.nodes
    found = {unique_id: Relation(s.database, s.schema, s.identifier) for unique_id, s in manifest.sources.items()}
    for unique_id, node in nodes.items():
        if node.resource_type != "model":
            continue
        found[unique_id] = Relation(
            database=str(node.database or ""),
            schema=node.schema,
            name=node.alias,
            description=node.description,
            columns=tuple(Column(c.name, c.data_type or "", c.description) for c in node.columns.values()),
            reads=tuple(dict.fromkeys(node.depends_on.nodes)),
            lake=tuple(dict.fromkeys(_LAKE_ROWS.findall(node.raw_code))),
        )
    return found
