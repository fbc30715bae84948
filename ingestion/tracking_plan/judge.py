"""Judging one message by the tracking plan: contracts compiled once into plain closures, then microseconds an event.

`judge` never raises for what a message holds: what breaks a contract becomes a `Reason` (the event goes to quarantine),
what is merely odd becomes a warning (the event is kept, the warning stands in its row).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NamedTuple

from ingestion.tracking_plan.model import MESSAGE_TYPES, EventContract, Plan, Property, Tenant
from ingestion.tracking_plan.names import CONTEXT_PREFIX
from ingestion.tracking_plan.values import PARSERS, Parser

SHOWN = 80  # characters of a client's text that a reason repeats


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an event is not accepted: the message's field, a stable code, and words for people."""

    field: str
    code: str
    message: str


class Judged(NamedTuple):
    """What the tracking plan says of one message; accepted where `reasons` is empty.

    `event` is the canonical name (None if unknown), `original_event` the platform's own name where it differs,
    `properties` the properties under canonical names, `typed` the lake's declared columns that have a value.
    """

    event: str | None
    original_event: str | None
    properties: dict[str, Any]
    typed: dict[str, Any]
    reasons: tuple[Reason, ...]
    warnings: tuple[str, ...]


Check = Callable[[dict[str, Any], dict[str, Any], list[Reason], list[str]], None]
Contextualise = Callable[[dict[str, Any], dict[str, Any], list[str]], None]


class _Known(NamedTuple):
    """One event name that a tenant may send."""

    event: str
    original: str | None
    rename: Mapping[str, str]
    check: Check


@dataclass(frozen=True)
class Judges:
    """Every contract of a plan, compiled."""

    events: dict[str, Check]
    by_type: dict[str, _Known]  # message type other than track -> its one event
    by_name: dict[str, dict[str, _Known]]  # tenant -> name in a track message -> event
    context: Contextualise
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)  # tenant -> the names it may send, for suggestions


# What a type takes without a word; anything else that its parser still understands is noted as converted.
_NATURAL: dict[str, frozenset[type]] = {
    "string": frozenset({str}),
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
}
_NO_RENAME: dict[str, str] = {}


def compile_judges(plan: Plan) -> Judges:
    """Compile every contract of `plan` for every tenant."""
    events = {name: _compile_check(contract, plan.common.properties) for name, contract in plan.events.items()}
    by_type = {
        contract.type: _Known(name, None, _NO_RENAME, events[name])
        for name, contract in plan.events.items()
        if contract.type != "track"
    }
    by_name = {name: _names_of(plan, tenant, events) for name, tenant in plan.tenants.items()}
    return Judges(
        events=events,
        by_type=by_type,
        by_name=by_name,
        context=_compile_context(plan),
        names={tenant: tuple(sorted(known)) for tenant, known in by_name.items()},
    )


def _names_of(plan: Plan, tenant: Tenant, checks: dict[str, Check]) -> dict[str, _Known]:
    known = {
        name: _Known(name, None, _NO_RENAME, checks[name])
        for name, contract in plan.events.items()
        if contract.type == "track"
    }
    for own, alias in tenant.events.items():
        original = own if own != alias.event else None
        known[own] = _Known(alias.event, original, dict(alias.properties), checks[alias.event])
    return known


def _compile_check(contract: EventContract, common: Mapping[str, Property]) -> Check:
    declared = {**common, **contract.properties}
    specs: dict[str, tuple[type | None, Parser, frozenset[type] | None]] = {}
    for name, prop in declared.items():
        # Text and booleans need no parsing where the JSON type is right: one comparison instead of a call.
        as_is = {"string": str, "boolean": bool}.get(prop.type)
        specs[name] = (as_is, PARSERS[prop.type], _NATURAL.get(prop.type))
    required = tuple(name for name, prop in declared.items() if prop.required)
    types = {name: prop.type for name, prop in declared.items()}
    of = contract.event

    def check(properties: dict[str, Any], typed: dict[str, Any], reasons: list[Reason], warnings: list[str]) -> None:
        for name, value in properties.items():
            spec = specs.get(name)
            if spec is None:
                warnings.append(f"undeclared:{name}")
            elif value is not None:
                as_is, parse, natural = spec
                if type(value) is as_is:
                    typed[name] = value
                    continue
                try:
                    typed[name] = parse(value)
                except ValueError as unfit:
                    reasons.append(Reason(name, "wrong_type", f"{name} of {of}: {unfit}"))
                    continue
                if natural is not None and type(value) not in natural:
                    warnings.append(f"converted:{name}")
        for name in required:
            value = typed.get(name)
            if value is None:
                if properties.get(name) is None:
                    reasons.append(Reason(name, "missing", f"{of} needs {name} ({types[name]})"))
            elif value == "" or (type(value) is str and value.isspace()):
                reasons.append(Reason(name, "missing", f"{of} needs {name} ({types[name]}), got empty text"))

    return check


def _compile_context(plan: Plan) -> Contextualise:
    # Grouped by the first step of the path, because most messages carry few of the groups.
    groups: dict[str, list[tuple[tuple[str, ...], str, str, Parser, type | None]]] = {}
    for name, item in plan.common.context.items():
        head, *rest = item.path.split(".")
        as_is = str if item.type == "string" else None
        groups.setdefault(head, []).append((tuple(rest), item.path, CONTEXT_PREFIX + name, PARSERS[item.type], as_is))

    def contextualise(context: dict[str, Any], typed: dict[str, Any], warnings: list[str]) -> None:
        for head, value in context.items():
            group = groups.get(head)
            if group is None or value is None:
                continue
            for rest, path, column, parse, as_is in group:
                found: Any = value
                for step in rest:
                    found = found.get(step) if type(found) is dict else None
                if found is None:
                    continue
                if type(found) is as_is:
                    typed[column] = found
                    continue
                try:
                    typed[column] = parse(found)
                except ValueError:
                    warnings.append(f"context_ignored:{path}")

    return contextualise


def judge(plan: Plan, tenant: str, message: dict[str, Any]) -> Judged:
    """Judge one message in Segment's shape by `tenant`'s part of the plan; never raises for what the message holds."""
    judges = plan.judges
    reasons: list[Reason] = []
    warnings: list[str] = []
    typed: dict[str, Any] = {}
    kind = message.get("type")
    known = _known(judges, tenant, kind, message, reasons)
    properties = _properties(kind, message, reasons)
    context = message.get("context")
    if type(context) is dict:
        judges.context(context, typed, warnings)
    elif context is not None:
        reasons.append(Reason("context", "wrong_type", "context must be an object"))
    if known is None:
        return Judged(None, None, properties, typed, tuple(reasons), tuple(warnings))
    if known.rename:
        properties = _renamed(properties, known.rename)
    known.check(properties, typed, reasons, warnings)
    return Judged(known.event, known.original, properties, typed, tuple(reasons), tuple(warnings))


def _known(
    judges: Judges, tenant: str, kind: object, message: dict[str, Any], reasons: list[Reason]
) -> _Known | None:
    """The contract that a message falls under, or None with the reason added."""
    names = judges.by_name.get(tenant)
    if names is None:
        reasons.append(Reason("tenant", "unknown_tenant", f"tenant {_shown(tenant)} has no file in the tracking plan"))
        return None
    if kind == "track":
        name = message.get("event")
        if type(name) is str:
            found = names.get(name) or names.get(name.strip())
            if found is not None:
                return found
        reasons.append(_no_such_event(judges.names[tenant], tenant, name))
        return None
    found = judges.by_type.get(kind) if type(kind) is str else None
    if found is None:
        reasons.append(_no_such_type(kind))
    return found


def _properties(kind: object, message: dict[str, Any], reasons: list[Reason]) -> dict[str, Any]:
    """The properties of a message: `properties` or `traits`, and what Segment's shape keeps beside them."""
    where = "traits" if kind in ("identify", "group") else "properties"
    given = message.get(where)
    if given is None and where == "traits":
        where, given = "properties", message.get("properties")
    if given is None:
        given = {}
    elif type(given) is not dict:
        reasons.append(Reason(where, "wrong_type", f"{where} must be an object"))
        given = {}
    beside = _BESIDE.get(kind) if type(kind) is str else None
    if beside is None:
        return given
    properties = dict(given)
    for field_name, name in beside:
        value = message.get(field_name)
        if value is not None and properties.get(name) is None:
            properties[name] = value
    return properties


# Type -> (field of the message, property it becomes): what belongs to the event but stands beside its properties.
_BESIDE: dict[str, tuple[tuple[str, str], ...]] = {
    "page": (("name", "name"), ("category", "category")),
    "screen": (("name", "name"), ("category", "category")),
    "group": (("groupId", "group_id"),),
    "alias": (("previousId", "previous_id"),),
}


def _renamed(properties: dict[str, Any], rename: Mapping[str, str]) -> dict[str, Any]:
    """Properties under canonical names. Where a message has both names, the canonical one keeps its value."""
    renamed: dict[str, Any] = {}
    for name, value in properties.items():
        canonical = rename.get(name, name)
        renamed[name if canonical != name and canonical in properties else canonical] = value
    return renamed


def _shown(text: object) -> str:
    shown = str(text)
    return repr(shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…")


def _no_such_event(names: tuple[str, ...], tenant: str, name: object) -> Reason:
    if name is None or name == "":
        return Reason("event", "missing", "a track message needs the name of its event")
    if type(name) is not str:
        return Reason("event", "wrong_type", "the name of an event must be text")
    near = _nearest(name[:SHOWN], names)
    hint = f"; did you mean {near!r}?" if near else ""
    return Reason("event", "unknown_event", f"{_shown(name)} is not in the tracking plan of {tenant}{hint}")


def _no_such_type(kind: object) -> Reason:
    if kind is None or kind == "":
        return Reason("type", "missing", f"a message needs its type: {', '.join(MESSAGE_TYPES)}")
    if type(kind) is not str:
        return Reason("type", "wrong_type", "the type of a message must be text")
    near = _nearest(kind[:SHOWN], MESSAGE_TYPES)
    hint = f"; did you mean {near!r}?" if near else ""
    return Reason("type", "unknown_type", f"{_shown(kind)} is not one of {', '.join(MESSAGE_TYPES)}{hint}")


# A client that sends a wrong name sends it a thousand times: the search for the nearest one is made once.
@lru_cache(maxsize=512)
def _nearest(name: str, names: tuple[str, ...]) -> str | None:
    near = get_close_matches(name, names, n=1, cutoff=0.75)
    return near[0] if near else None
