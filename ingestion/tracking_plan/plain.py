"""Contracts applied to many messages of one event at once, column by column, where nothing needs thought.

A message whose properties are not plainly right (a value that must be converted, an undeclared name, anything missing)
is only recognised here, not judged: `judge.py` does that. Names, types and parsers are those of `contracts.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ingestion.tracking_plan.contracts import Known, Leaf, Spec, Tree, is_blank
from ingestion.tracking_plan.judge import BESIDE, renamed
from ingestion.tracking_plan.model import Plan

_encode = msgspec.json.Encoder().encode
_NONE = frozenset({type(None)})

Columns = dict[str, Sequence[Any]]


class PlainProperties(NamedTuple):
    """The typed values of many messages by column, the text of each one's properties, and which are not plain.

    Columns and texts have an entry for each message, without meaning where it is not plain.
    """

    columns: Columns
    texts: list[bytes]
    odd: set[int]


def known_event(plan: Plan, tenant: str, kind: str, name: str | None) -> Known | None:
    """The contract of a message of this type (and, for a track message, exactly this name), or None."""
    names = plan.judges.by_name.get(tenant)
    if names is None:
        return None
    return names.get(name or "") if kind == "track" else plan.judges.by_type.get(kind)


def plain_properties(
    known: Known, kind: str, properties: Sequence[dict[str, Any]], beside: Sequence[Any]
) -> PlainProperties:
    """Read the properties of messages of one event; `beside` has what stands beside them as attributes.

    Changes the dictionaries in `properties`.
    """
    for field, name in BESIDE.get(kind, ()):
        for given, message in zip(properties, beside, strict=True):
            value = getattr(message, field)
            if value is not None and given.get(name) is None:
                given[name] = value
    if known.rename:
        properties = [renamed(given, known.rename) for given in properties]
    specs = known.specs
    # Messages hold few of the names that their contract knows, and hardly ever another one.
    present: set[str] = set().union(*properties)
    odd: set[int] = set()
    if not present <= specs.keys():
        odd.update(place for place, given in enumerate(properties) if not given.keys() <= specs.keys())
    columns: Columns = {}
    for name in present & specs.keys():
        spec = specs[name]
        values = [given.get(name) for given in properties]
        kinds = set(map(type, values)) - _NONE
        if kinds:
            columns[name] = values if kinds == {spec.as_is} else _parsed(spec, values, odd)
    for name in known.required:
        found = columns.get(name)
        if found is None:
            return PlainProperties({}, [b""] * len(properties), set(range(len(properties))))
        odd.update(place for place, value in enumerate(found) if is_blank(value))
    return PlainProperties(columns, _texts(properties, odd), odd)


def _parsed(spec: Spec, values: Sequence[Any], odd: set[int]) -> list[Any]:
    """The values that are parsed without a word; the places of all others are added to `odd`."""
    parsed: list[Any] = []
    for place, value in enumerate(values):
        if value is None or type(value) is spec.as_is:
            parsed.append(value)
            continue
        try:
            if spec.natural is None or type(value) in spec.natural:
                parsed.append(spec.parse(value))
                continue
        except ValueError:
            pass
        odd.add(place)
        parsed.append(None)
    return parsed


def _texts(properties: Sequence[dict[str, Any]], odd: set[int]) -> list[bytes]:
    """The text of each message's properties; one that cannot be written is odd."""
    try:
        return [_encode(given) for given in properties]
    except (ValueError, OverflowError, RecursionError, TypeError):
        pass
    texts = []
    for place, given in enumerate(properties):
        try:
            texts.append(_encode(given))
        except (ValueError, OverflowError, RecursionError, TypeError):
            odd.add(place)
            texts.append(b"")
    return texts


def plain_contexts(tree: Tree, contexts: Sequence[dict[str, Any]]) -> tuple[Columns, set[int]]:
    """The columns that are read from contexts, and the places of those for which a column needs more than reading."""
    columns: Columns = {}
    odd: set[int] = set()
    _read(tree, contexts, columns, odd)
    return columns, odd


def _read(tree: Tree, objects: Sequence[Mapping[str, Any]], columns: Columns, odd: set[int]) -> None:
    present: set[str] = set().union(*objects)
    nothing = [None] * len(objects)
    for key, node in tree.items():
        values = [item.get(key) for item in objects] if key in present else nothing
        if not isinstance(node, Leaf):
            _read(node, [value if type(value) is dict else _EMPTY for value in values], columns, odd)
            continue
        columns[node.column] = values
        if values is not nothing and set(map(type, values)) - _NONE - {node.as_is}:
            odd.update(_others(values, node.as_is))


_EMPTY: Mapping[str, Any] = {}


def _others(values: Sequence[Any], kind: type | None) -> Iterable[int]:
    return (place for place, value in enumerate(values) if value is not None and type(value) is not kind)
