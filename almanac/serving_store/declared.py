"""What a model's YAML says of its copy in PostgreSQL: its indexes, and whether every tenant may read all of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from almanac.errors import AlmanacError
from almanac.kpi_yaml import entries, read

# Written by a publication and not by a model; all of it is the same for every tenant.
SHARED = frozenset({"kpi_catalogue", "publication"})

Index = tuple[str, ...]


@dataclass(frozen=True)
class Declared:
    """Columns of each index by relation, and the relations without a tenant that every tenant may read."""

    indexes: dict[str, list[Index]]
    shared: frozenset[str]


def load_declared(root: Path) -> Declared:
    """`config.meta.indexes` and `config.meta.for_every_tenant` of the models below `root`.

    Raises AlmanacError that names file and model if an index names a column that the model has not, or if rows of
    single tenants are declared as every tenant's.
    """
    indexes: dict[str, list[Index]] = {}
    shared = set(SHARED)
    for file in sorted((root / "dbt_project" / "models").rglob("*.yml")):
        for model in entries(read(file), "models", file):
            meta = (model.get("config") or {}).get("meta") or {}
            columns = {column["name"] for column in entries(model, "columns", file)}
            if found := _indexes(meta, columns, f"{file}: {model['name']}"):
                indexes[model["name"]] = found
            if meta.get("for_every_tenant"):
                if "tenant" in columns:
                    raise AlmanacError(f"{file}: {model['name']} has a column tenant: take for_every_tenant away")
                shared.add(model["name"])
    return Declared(indexes, frozenset(shared))


def _indexes(meta: dict[str, Any], columns: set[str], where: str) -> list[Index]:
    declared = meta.get("indexes") or []
    if not isinstance(declared, list) or not all(isinstance(one, list) and one for one in declared):
        raise AlmanacError(f"{where}: config.meta.indexes must be a list of lists of columns")
    for one in declared:
        if unknown := [name for name in one if name not in columns]:
            raise AlmanacError(f"{where}: an index names {unknown[0]}, which is no column of it")
    return [tuple(one) for one in declared]
