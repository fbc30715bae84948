"""How DuckDB reads the JSON of settled events: the types of the envelope, of a contract's properties, of contexts.

A type is the text that `from_json` takes. Everything here is a constant of the tracking plan.
"""

import json
from typing import Any, NamedTuple

from ingestion.tracking_plan.contracts import Known, Leaf, Tree
from ingestion.tracking_plan.judge import BESIDE
from ingestion.tracking_plan.values import MONEY_DIGITS, MONEY_SCALE

_TEXT = "varchar"
ENVELOPE = (
    *("type", "event", "name", "category", "messageId", "userId", "anonymousId", "sessionId"),
    *("timestamp", "originalTimestamp", "sentAt"),
)
# Times are read as text: what a time may look like is for `plain_times` to say.
_TYPES = {
    "string": _TEXT,
    "currency": _TEXT,
    "timestamp": _TEXT,
    "date": _TEXT,
    "boolean": "boolean",
    "integer": "bigint",
    "number": "double",
    "money": f"decimal({MONEY_DIGITS},{MONEY_SCALE})",
}
Path = tuple[str, ...]  # names, each of an object inside of the one before
_CONTEXT_TYPES: dict[type | None, str] = {str: _TEXT, bool: "boolean"}


class Contract(NamedTuple):
    """The properties of one event: their type as JSON, and what becomes of them.

    `columns` are the canonical name, the type and the position of each in the JSON type; `renamed` the names that are
    changed in the text, `beside` which field of the envelope may stand for which property.
    """

    type: str
    columns: tuple[tuple[str, str], ...]
    renamed: tuple[tuple[str, str], ...]
    beside: tuple[tuple[str, str], ...]


def envelope_type() -> str:
    """The type of a message; its properties stay text."""
    return json.dumps(dict.fromkeys(ENVELOPE, _TEXT) | {"properties": "json"})


def contract_of(known: Known, kind: str) -> Contract | None:
    """How the properties of one event are read; None where their names cannot be told apart by looking for them."""
    own = {canonical: name for name, canonical in known.rename.items()}
    names = [own.get(name, name) for name in known.specs]
    beside = BESIDE.get(kind, ())
    are_plain = all(name.isidentifier() or json.dumps(name, ensure_ascii=False) == f'"{name}"' for name in names)
    if (
        not names
        or not are_plain
        or len(own) < len(known.rename)
        or len({name.lower() for name in names}) < len(names)  # a struct does not tell capitals apart
        or not known.rename.keys().isdisjoint(known.rename.values())
        or not all(name in known.specs and known.specs[name].type == "string" for _, name in beside)
    ):
        return None
    types = [spec.type for spec in known.specs.values()]
    return Contract(
        json.dumps(dict(zip(names, (_TYPES[type_] for type_ in types), strict=True))),
        tuple(zip(known.specs, types, strict=True)),
        tuple((name, canonical) for name, canonical in known.rename.items() if canonical in known.specs),
        beside,
    )


def contexts_type(tree: Tree, *numbers: str) -> tuple[str, dict[str, Path]]:
    """The type of a context with `numbers` besides, and for each column where it is in a value of this type."""
    paths: dict[str, Path] = {"session_id": ("sessionId",), **{number: (number,) for number in numbers}}
    type_ = _below(tree, (), paths)
    return json.dumps({**type_, "sessionId": _TEXT} | dict.fromkeys(numbers, _TYPES["integer"])), paths


def _below(tree: Tree, path: Path, paths: dict[str, Path]) -> dict[str, Any]:
    types: dict[str, Any] = {}
    for key, node in tree.items():
        here = (*path, key)
        if not isinstance(node, Leaf):
            types[key] = _below(node, here, paths)
        elif node.as_is in _CONTEXT_TYPES:  # values of other types are never taken without a word
            types[key] = _CONTEXT_TYPES[node.as_is]
            paths[node.column] = here
    return types
