"""What must hold across the files of the tracking plan; each problem is a line that names file and field."""

from collections.abc import Iterator, Mapping

from ingestion.tracking_plan.contracts import Reason
from ingestion.tracking_plan.model import MESSAGE_TYPES, Common, EventContract, Plan, Tenant
from ingestion.tracking_plan.names import CONTEXT_PREFIX, NAME, name_problem
from ingestion.tracking_plan.values import PARSERS

_WHERE = "ingestion/tracking_plan"


def plan_problems(common: Common, events: Mapping[str, EventContract], tenants: Mapping[str, Tenant]) -> list[str]:
    """Everything wrong between the files: names, types that disagree, tenants that name what does not exist."""
    return [
        *_common_problems(common),
        *_event_problems(common, events),
        *_type_problems(common, events),
        *_message_type_problems(events),
        *(problem for tenant in tenants.values() for problem in _tenant_problems(tenant, common, events)),
    ]


def _common_problems(common: Common) -> Iterator[str]:
    for name in common.properties:
        problem = name_problem(name)
        if problem:
            yield f"{_WHERE}/common.yml: properties: {problem}"
    for name in common.context:
        if not NAME.fullmatch(CONTEXT_PREFIX + name):
            yield f"{_WHERE}/common.yml: context: {name!r} is not snake_case"
    paths = {item.path: name for name, item in reversed(common.context.items())}
    for name, item in common.context.items():
        if paths[item.path] != name:
            yield f"{_WHERE}/common.yml: context.{name}.path: {item.path!r} is {paths[item.path]!r} already"
        for other in paths:
            if item.path.startswith(f"{other}."):
                yield f"{_WHERE}/common.yml: context.{name}.path: {item.path!r} leads through the column {other!r}"


def _event_problems(common: Common, events: Mapping[str, EventContract]) -> Iterator[str]:
    for event, contract in events.items():
        where = f"{_WHERE}/{event}.yml"
        if not NAME.fullmatch(event):
            yield f"{where}: event: {event!r} is not snake_case"
        for name in contract.properties:
            problem = name_problem(name)
            if problem:
                yield f"{where}: properties: {problem}"
            if name in common.properties:
                yield f"{where}: properties: {name!r} is declared for every event in common.yml already"


def _type_problems(common: Common, events: Mapping[str, EventContract]) -> Iterator[str]:
    first: dict[str, tuple[str, str]] = {name: ("common", prop.type) for name, prop in common.properties.items()}
    for event, contract in events.items():
        for name, prop in contract.properties.items():
            other, declared = first.setdefault(name, (event, prop.type))
            if declared != prop.type:
                yield (
                    f"{_WHERE}/{event}.yml: properties.{name}.type: {prop.type} here, {declared} in {other}.yml; "
                    "a property has one type everywhere"
                )


def _message_type_problems(events: Mapping[str, EventContract]) -> Iterator[str]:
    for kind in MESSAGE_TYPES:
        named = [event for event, contract in events.items() if contract.type == kind]
        if kind != "track" and len(named) > 1:
            yield f"{_WHERE}/{named[1]}.yml: type: {kind} is {named[0]} already; only track has several events"
        if kind != "track" and not named:
            yield f"{_WHERE}: no event has the type {kind}, so such messages could not be named"


def _tenant_problems(tenant: Tenant, common: Common, events: Mapping[str, EventContract]) -> Iterator[str]:
    where = f"{_WHERE}/tenants/{tenant.tenant}.yml"
    for own, alias in tenant.events.items():
        contract = events.get(alias.event)
        if contract is None:
            yield f"{where}: events.{own}.event: {alias.event!r} is not an event of the tracking plan"
            continue
        if contract.type != "track":
            yield f"{where}: events.{own}.event: {alias.event!r} is sent as {contract.type}, which has no name to map"
        if own in events and own != alias.event:
            yield f"{where}: events.{own}: is itself a canonical event; it cannot stand for {alias.event!r}"
        targets: dict[str, str] = {}
        for theirs, ours in alias.properties.items():
            if ours not in contract.properties and ours not in common.properties:
                yield f"{where}: events.{own}.properties.{theirs}: {ours!r} is not a property of {alias.event}"
            if theirs in contract.properties:
                yield f"{where}: events.{own}.properties.{theirs}: is itself a property of {alias.event}"
            other = targets.setdefault(ours, theirs)
            if other != theirs:
                yield f"{where}: events.{own}.properties.{theirs}: {other!r} is mapped to {ours!r} already"


def example_problems(plan: Plan) -> list[str]:
    """Examples that break their own contract."""
    return [*_value_problems(plan), *_message_problems(plan)]


def _value_problems(plan: Plan) -> Iterator[str]:
    declared = [("common.yml: properties", plan.common.properties.items())]
    declared += [(f"{event}.yml: properties", contract.properties.items()) for event, contract in plan.events.items()]
    for where, properties in declared:
        for name, prop in properties:
            yield from _unfit(f"{_WHERE}/{where}.{name}.example", prop.type, prop.example)
    for name, item in plan.common.context.items():
        yield from _unfit(f"{_WHERE}/common.yml: context.{name}.example", item.type, item.example)


def _unfit(where: str, type_name: str, example: object) -> Iterator[str]:
    try:
        PARSERS[type_name](example)
    except ValueError as unfit:
        yield f"{where}: {unfit}"


def _message_problems(plan: Plan) -> Iterator[str]:
    for event, contract in plan.events.items():
        reasons: list[Reason] = []
        warnings: list[str] = []
        plan.judges.events[event].check(contract.example, {}, reasons, warnings)
        for reason in reasons:
            yield f"{_WHERE}/{event}.yml: example.{reason.field}: {reason.message}"
        for warning in warnings:
            yield f"{_WHERE}/{event}.yml: example: {warning.replace(':', ' ')}"
