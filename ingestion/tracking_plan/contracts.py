"""Contracts compiled once into plain closures, so that judging an event takes microseconds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ingestion.tracking_plan.model import EventContract, Plan, Property, Tenant
from ingestion.tracking_plan.names import CONTEXT_PREFIX
from ingestion.tracking_plan.values import PARSERS, Parser, Unfit


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an event is not accepted: the message's field, a stable code, and words for people."""

    field: str
    code: str
    message: str


Check = Callable[[dict[str, Any], dict[str, Any], list[Reason], list[str]], None]
Contextualise = Callable[[dict[str, Any], dict[str, Any], list[str]], None]


class Known(NamedTuple):
    """One event name that a tenant may send. `specs` and `required` are what `check` goes by."""

    event: str
    original: str | None
    rename: Mapping[str, str]
    check: Check
    specs: "Mapping[str, Spec]"
    required: tuple[str, ...]


@dataclass(frozen=True)
class Judges:
    """Every contract of a plan, compiled."""

    events: dict[str, Known]  # by canonical name
    by_type: dict[str, Known]  # message type other than track -> its one event
    by_name: dict[str, dict[str, Known]]  # tenant -> name in a track message -> event
    context: Contextualise
    context_tree: "Tree"
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)  # tenant -> the names it may send, for suggestions


# What a type takes without a word; anything else that its parser still understands is noted as converted.
NATURAL: dict[str, frozenset[type]] = {
    "string": frozenset({str}),
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
}
# Text and booleans need no parsing where the JSON type is right: one comparison instead of a call.
_AS_IS: dict[str, type] = {"string": str, "boolean": bool}
_NO_RENAME: dict[str, str] = {}


def compile_judges(plan: Plan) -> Judges:
    """Compile every contract of `plan` for every tenant."""
    events = {name: _compile(contract, plan.common.properties) for name, contract in plan.events.items()}
    by_type: dict[str, Known] = {
        contract.type: events[name] for name, contract in plan.events.items() if contract.type != "track"
    }
    by_name = {name: _names_of(plan, tenant, events) for name, tenant in plan.tenants.items()}
    tree = _context_tree(plan)
    return Judges(
        events=events,
        by_type=by_type,
        by_name=by_name,
        context=_compile_context(tree),
        context_tree=tree,
        names={tenant: tuple(sorted(known)) for tenant, known in by_name.items()},
    )


def _names_of(plan: Plan, tenant: Tenant, events: dict[str, Known]) -> dict[str, Known]:
    known = {name: events[name] for name, contract in plan.events.items() if contract.type == "track"}
    for own, alias in tenant.events.items():
        original = own if own != alias.event else None
        known[own] = events[alias.event]._replace(original=original, rename=dict(alias.properties))
    return known


class Spec(NamedTuple):
    """How one declared property is read."""

    as_is: type | None  # values of this type are taken without a call
    parse: Parser
    natural: frozenset[type] | None  # values of other types that parse are noted as converted
    type: str


def _compile(contract: EventContract, common: Mapping[str, Property]) -> Known:
    declared = {**common, **contract.properties}
    specs = {
        name: Spec(_AS_IS.get(prop.type), PARSERS[prop.type], NATURAL.get(prop.type), prop.type)
        for name, prop in declared.items()
    }
    required = tuple(name for name, prop in declared.items() if prop.required)
    event = contract.event

    def check(properties: dict[str, Any], typed: dict[str, Any], reasons: list[Reason], warnings: list[str]) -> None:
        for name, value in properties.items():
            spec = specs.get(name)
            if spec is None:
                warnings.append(f"undeclared:{name}")
            elif value is not None:
                if type(value) is spec.as_is:
                    typed[name] = value
                else:
                    _convert(event, name, value, spec, typed, reasons, warnings)
        for name in required:
            if is_blank(typed.get(name)):
                _complain(event, name, properties, specs[name], reasons)

    return Known(event, None, _NO_RENAME, check, specs, required)


def _convert(
    event: str,
    name: str,
    value: Any,
    spec: Spec,
    typed: dict[str, Any],
    reasons: list[Reason],
    warnings: list[str],
) -> None:
    """Parse a value that cannot be taken as it is."""
    try:
        typed[name] = spec.parse(value)
    except ValueError as unfit:
        code = unfit.code if isinstance(unfit, Unfit) else "wrong_type"
        reasons.append(Reason(name, code, f"{name} of {event}: {unfit}"))
        return
    if spec.natural is not None and type(value) not in spec.natural:
        warnings.append(f"converted:{name}")


def is_blank(value: Any) -> bool:
    """Whether a required property with this value counts as missing."""
    return value is None or (type(value) is str and (not value or value.isspace()))


def _complain(event: str, name: str, properties: dict[str, Any], spec: Spec, reasons: list[Reason]) -> None:
    """Say that a required property is missing, unless it came and its type was refused already."""
    came = properties.get(name)
    if came is None:
        reasons.append(Reason(name, "missing", f"{event} needs {name} ({spec.type})"))
    elif is_blank(came):
        reasons.append(Reason(name, "missing", f"{event} needs {name} ({spec.type}), got empty text"))


class Leaf(NamedTuple):
    """A column that is read from the context."""

    as_is: type | None  # values of this type are taken without a call
    column: str
    parse: Parser
    path: str


# Step of a path -> the column that ends here, or the steps below.
Tree = dict[str, "Leaf | Tree"]


def _context_tree(plan: Plan) -> Tree:
    tree: Tree = {}
    for name, item in plan.common.context.items():
        *above, last = item.path.split(".")
        below = tree
        for step in above:
            child = below.setdefault(step, {})
            if isinstance(child, dict):  # always: no path may lead through another (rules.py)
                below = child
        below[last] = Leaf(_AS_IS.get(item.type), CONTEXT_PREFIX + name, PARSERS[item.type], item.path)
    return tree


def _compile_context(tree: Tree) -> Contextualise:
    def contextualise(context: dict[str, Any], typed: dict[str, Any], warnings: list[str]) -> None:
        _fill(tree, context, typed, warnings)

    return contextualise


def _fill(tree: Tree, context: dict[str, Any], typed: dict[str, Any], warnings: list[str]) -> None:
    """Take the values of all columns that lie in this part of the context."""
    for key, value in context.items():
        node = tree.get(key)
        if node is None or value is None:
            continue
        if not isinstance(node, Leaf):
            if type(value) is dict:
                _fill(node, value, typed, warnings)
        elif type(value) is node.as_is:
            typed[node.column] = value
        else:
            try:
                typed[node.column] = node.parse(value)
            except ValueError:
                warnings.append(f"context_ignored:{node.path}")
