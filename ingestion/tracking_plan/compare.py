"""What changed between two tracking plans, and what of it breaks somebody.

Breaking is what can refuse events that were accepted, empty a column that somebody reads, or change what a stored value
means. Words for people (titles, descriptions, examples) are not compared.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from ingestion.tracking_plan.model import Alias, ContextPath, EventContract, Plan, Property, Tenant

_ALIKE = 0.6  # how alike names or descriptions of a removed and an added property must be for a rename
_WORDS = frozenset({"title", "business"})


@dataclass(frozen=True)
class Change:
    """One change. `event` and `tenant` say whose messages it concerns; None is all of them."""

    where: str
    text: str
    is_breaking: bool
    event: str | None = None
    tenant: str | None = None


def compare(old: Plan, new: Plan) -> list[Change]:
    """Every change from `old` to `new`: what breaks first, then by place."""
    found = [*_events(old, new), *_common(old, new), *_tenants(old, new)]
    return sorted(found, key=lambda change: (not change.is_breaking, change.where, change.text))


def _events(old: Plan, new: Plan) -> Iterator[Change]:
    for name in sorted(old.events.keys() | new.events.keys()):
        before, after = old.events.get(name), new.events.get(name)
        if after is None:
            yield Change(name, "event removed", True, name)
        elif before is None:
            yield Change(name, "event added", False, name)
        else:
            yield from _contract(before, after)


def _contract(old: EventContract, new: EventContract) -> Iterator[Change]:
    name = old.event
    for field, is_breaking in (("type", True), ("retention", True), ("owner", False)):
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            what = "sent as" if field == "type" else field
            yield Change(name, f"{what} {before}, now {after}", is_breaking, name)
    if old.in_visit != new.in_visit:
        yield Change(name, "now part of a visit" if new.in_visit else "no longer part of a visit", True, name)
    yield from _properties(old.properties, new.properties, name, name)


def _properties(
    old: Mapping[str, Property], new: Mapping[str, Property], place: str, event: str | None
) -> Iterator[Change]:
    added = {name: prop for name, prop in new.items() if name not in old}
    for name, before in old.items():
        after = new.get(name)
        where = f"{place}.{name}"
        if after is None:
            follower = _renamed(name, before, added)
            text = "property removed" if follower is None else f"property renamed to {follower}"
            yield Change(where, text, True, event)
            continue
        if before.type != after.type:
            yield Change(where, f"type {before.type}, now {after.type}", True, event)
        if before.pii != after.pii:
            yield Change(where, f"personal data: {before.pii}, now {after.pii}", True, event)
        if before.required != after.required:
            yield Change(where, "now required" if after.required else "no longer required", after.required, event)
    for name, prop in added.items():
        text = "required property added" if prop.required else "optional property added"
        yield Change(f"{place}.{name}", text, prop.required, event)


def _renamed(name: str, old: Property, added: Mapping[str, Property]) -> str | None:
    """The added property that a removed one most likely became, if any is like it."""

    def alike(other: str) -> float:
        words = SequenceMatcher(None, old.description, added[other].description).ratio()
        return max(words, SequenceMatcher(None, name, other).ratio())

    near = max((other for other, prop in added.items() if prop.type == old.type), key=alike, default=None)
    return near if near is not None and alike(near) >= _ALIKE else None


def _common(old: Plan, new: Plan) -> Iterator[Change]:
    yield from _properties(old.common.properties, new.common.properties, "common", None)
    yield from _context(old.common.context, new.common.context)
    for limit, before in old.common.limits.model_dump().items():
        after = getattr(new.common.limits, limit)
        if before != after:
            yield Change(f"common.limits.{limit}", f"{before}, now {after}: times are judged otherwise", True)


def _context(old: Mapping[str, ContextPath], new: Mapping[str, ContextPath]) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        where = f"common.context.{name}"
        if after is None:
            yield Change(where, "column removed", True)
        elif before is None:
            yield Change(where, "column added", False)
        else:
            for field in ("path", "type", "pii"):
                was, now = getattr(before, field), getattr(after, field)
                if was != now:
                    yield Change(where, f"{field} {was}, now {now}", True)


def _tenants(old: Plan, new: Plan) -> Iterator[Change]:
    for name in sorted(old.tenants.keys() | new.tenants.keys()):
        before, after = old.tenants.get(name), new.tenants.get(name)
        if after is None:
            yield Change(f"tenant {name}", "tenant removed", True, tenant=name)
        elif before is None:
            yield Change(f"tenant {name}", "tenant added", False, tenant=name)
        else:
            yield from _tenant(before, after)


def _tenant(old: Tenant, new: Tenant) -> Iterator[Change]:
    name = old.tenant
    for own in sorted(old.events.keys() | new.events.keys()):
        yield from _alias(name, own, old.events.get(own), new.events.get(own))
    for source in sorted(old.sources.keys() | new.sources.keys()):
        where = f"tenant {name}.sources.{source}"
        if source not in new.sources:
            yield Change(where, "source removed", True, tenant=name)
        elif source not in old.sources:
            yield Change(where, "source added", False, tenant=name)
        elif old.sources[source] != new.sources[source]:
            yield Change(where, "expectations changed", False, tenant=name)
    # Whatever else a tenant says (time zone, currency, privacy) changes what its numbers mean or what is kept.
    for field in sorted(set(type(old).model_fields) - _WORDS - {"tenant", "events", "sources"}):
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            yield Change(f"tenant {name}.{field}", f"{_shown(before)}, now {_shown(after)}", True, tenant=name)


def _alias(tenant: str, own: str, old: Alias | None, new: Alias | None) -> Iterator[Change]:
    where = f"tenant {tenant}.{own}"
    if old is None or new is None:
        named = old or new
        text = f"name {'removed' if new is None else 'added'} (it stands for {named.event if named else '-'})"
        yield Change(where, text, new is None, named.event if named else None, tenant)
        return
    if old.event != new.event:
        yield Change(where, f"stands for {old.event}, now for {new.event}", True, old.event, tenant)
    for theirs in sorted(old.properties.keys() | new.properties.keys()):
        before, after = old.properties.get(theirs), new.properties.get(theirs)
        if before != after:
            text = f"maps to {before or 'nothing'}, now to {after or 'nothing'}"
            yield Change(f"{where}.{theirs}", text, before is not None, old.event, tenant)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else repr(value)
