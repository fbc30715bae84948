"""What a refused event's reasons mean: what the tracking plan allows there, and what to do."""

import json
from collections.abc import Iterator

from ingestion.tracking_plan import EventContract, Plan, Property, Reason
from ingestion.tracking_plan.model import MESSAGE_TYPES

_DO = {
    "missing": "have the client send it; if the event is right without it, set required: false there",
    "wrong_type": "have the client send the declared type; if the plan is wrong, change the type there",
    "invalid_money": 'have the client send a decimal number, best as text such as "358.00"',
    "unknown_currency": "have the client send the three letters of ISO 4217, such as EUR",
    "unknown_event": "mend the name in the client; or map it in {tenant_file} or add {plan}/<event>.yml",
    "unknown_type": "have the client send one of these types",
    "unknown_tenant": "add {tenant_file}, or revoke the write key that names this tenant",
    "missing_identity": "have the client send userId or anonymousId; ids such as '', '0' or 'undefined' are none",
    "insufficient_scope": "send it with another key; if this key may send it: almanac keys scope, then "
    "almanac quarantine replay --code insufficient_scope",
    "missing_timestamp": "correct the row and deliver it again (an outbox's as a new row), or name another column for "
    "the time",
    "suppressed": "nothing: the person asked for it (see `almanac suppress list`)",
    "illegal_identity": "have the client send a real id; the name of nothing in its language is none",
    "missing_event_name": "have the client name the event of a track message",
    "event_too_large": "have the client send less in one event, such as a reference instead of a document",
    "too_deep": "have the client send flatter properties",
    "too_many_properties": "have the client send a list of values instead of a property for each",
    "invalid_character": "have the client send it without that character; kept is U+FFFD in its place",
    "invalid_json_number": "have the client send null instead of NaN or Infinity",
}
_OTHERWISE = "mend the client that sends it"


def allowed(plan: Plan, tenant: str, event: str | None, reason: Reason) -> list[str]:
    """What the plan says about the place that a reason names, in lines; empty where it says nothing."""
    if reason.code == "unknown_event" and tenant in plan.tenants:
        own = sorted(plan.tenants[tenant].events)
        canonical = sorted(name for name, contract in plan.events.items() if contract.type == "track")
        lines = [f"events: {', '.join(canonical)}"]
        return [f"names of {tenant}: {', '.join(own)}", *lines] if own else lines
    if reason.code == "unknown_type" or reason.field == "type":
        return [f"types: {', '.join(MESSAGE_TYPES)}"]
    contract = plan.events.get(event or "")
    if contract is None:
        return []
    return list(_property(plan, tenant, contract, reason.field))


def advice(tenant: str, reason: Reason) -> str:
    """What to do about a reason."""
    plan = "ingestion/tracking_plan"
    return _DO.get(reason.code, _OTHERWISE).format(plan=plan, tenant_file=f"{plan}/tenants/{tenant}.yml")


def _property(plan: Plan, tenant: str, contract: EventContract, name: str) -> Iterator[str]:
    where, found = f"{contract.event}.yml", contract.properties.get(name)
    if found is None:
        where, found = "common.yml", plan.common.properties.get(name)
    if found is None:
        return
    yield f"{name}: {_shape(found)} (ingestion/tracking_plan/{where})"
    yield f"{' '.join(found.description.split())} For example {json.dumps(found.example, ensure_ascii=False)}."
    for own, alias in plan.tenants[tenant].events.items() if tenant in plan.tenants else ():
        for theirs, ours in alias.properties.items():
            if alias.event == contract.event and ours == name:
                yield f"{tenant} sends it as {theirs!r} in {own!r}"


def _shape(found: Property) -> str:
    required = "required" if found.required else "optional"
    return f"{found.type}, {required}" + ("" if found.pii == "none" else f", {found.pii} data")
