"""Judging one message by the tracking plan.

`judge` never raises for what a message holds: what breaks a contract becomes a `Reason` (the event goes to quarantine),
what is merely odd becomes a warning (the event is kept, the warning stands in its row).
"""

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NamedTuple

from ingestion.tracking_plan.contracts import Judges, Known, Reason
from ingestion.tracking_plan.model import MESSAGE_TYPES, Plan

LONGEST_NAME = 200  # characters of an event's name
SHOWN = 80  # characters of a client's text that a reason repeats


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
    given = properties
    if known.rename:
        properties = renamed(properties, known.rename)
    before = len(reasons)
    known.check(properties, typed, reasons, warnings)
    if known.rename and len(reasons) > before:
        reasons[before:] = _as_sent(reasons[before:], known, given)
    return Judged(known.event, known.original, properties, typed, tuple(reasons), tuple(warnings))


def _as_sent(reasons: list[Reason], known: Known, given: Mapping[str, Any]) -> list[Reason]:
    """The same reasons; the words about a property that was sent under the tenant's own name say which one."""
    own = {canonical: name for name, canonical in known.rename.items() if name in given and canonical not in given}
    return [
        replace(
            reason,
            message=reason.message.replace(reason.field, f"{reason.field} (sent as {_shown(own[reason.field])})", 1),
        )
        if reason.field in own and reason.message.startswith(reason.field)
        else reason
        for reason in reasons
    ]


def _known(judges: Judges, tenant: str, kind: object, message: dict[str, Any], reasons: list[Reason]) -> Known | None:
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
    beside = BESIDE.get(kind) if type(kind) is str else None
    if beside is None:
        return given
    properties = dict(given)
    for field_name, name in beside:
        value = message.get(field_name)
        if value is not None and properties.get(name) is None:
            properties[name] = value
    return properties


# Type -> (field of the message, property it becomes): what belongs to the event but stands beside its properties.
BESIDE: dict[str, tuple[tuple[str, str], ...]] = {
    "page": (("name", "name"), ("category", "category")),
    "screen": (("name", "name"), ("category", "category")),
    "group": (("groupId", "group_id"),),
    "alias": (("previousId", "previous_id"),),
}


def renamed(properties: dict[str, Any], rename: Mapping[str, str]) -> dict[str, Any]:
    """Properties under canonical names. Where a message has both names, the canonical one keeps its value."""
    simply = {rename.get(name, name): value for name, value in properties.items()}
    if len(simply) == len(properties):
        return simply
    renamed: dict[str, Any] = {}
    for name, value in properties.items():
        canonical = rename.get(name, name)
        renamed[name if canonical != name and canonical in properties else canonical] = value
    return renamed


def _shown(text: object) -> str:
    shown = str(text)
    return repr(shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…")


def _no_such_event(names: tuple[str, ...], tenant: str, name: object) -> Reason:
    if name is None or (type(name) is str and not name.strip()):
        return Reason("event", "missing_event_name", "a track message needs the name of its event")
    if type(name) is not str:
        return Reason("event", "invalid_event_name", "the name of an event must be text")
    if len(name) > LONGEST_NAME:
        return Reason("event", "invalid_event_name", f"the name of an event has at most {LONGEST_NAME} characters")
    near = _nearest(name[:SHOWN], names)
    hint = f"; did you mean {near!r}?" if near else ""
    return Reason("event", "unknown_event", f"{_shown(name)} is not in the tracking plan of {tenant}{hint}")


def _no_such_type(kind: object) -> Reason:
    if kind is None or kind == "":
        return Reason("type", "unknown_type", f"a message needs its type: {', '.join(MESSAGE_TYPES)}")
    if type(kind) is not str:
        return Reason("type", "unknown_type", "the type of a message must be text")
    near = _nearest(kind[:SHOWN], MESSAGE_TYPES)
    hint = f"; did you mean {near!r}?" if near else ""
    return Reason("type", "unknown_type", f"{_shown(kind)} is not one of {', '.join(MESSAGE_TYPES)}{hint}")


# A client that sends a wrong name sends it a thousand times: the search for the nearest one is made once.
@lru_cache(maxsize=512)
def _nearest(name: str, names: tuple[str, ...]) -> str | None:
    near = get_close_matches(name, names, n=1, cutoff=0.75)
    return near[0] if near else None
