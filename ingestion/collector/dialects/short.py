"""The short shapes in which platforms send events of their own: `eventName` or `event_type`, flat and without a type.

`{"eventType": "action", "eventName": "fund_project", "userId": ..., "properties": {...}, "context": {...}}`,
`{"event_type": "search", "session_id": ..., "event_data": {...}, "page_url": ..., "device_type": ..., "country": ...}`
and `{"type": "search", "data": {...}}` become messages in Segment's shape. A field without a place there becomes a
property, so that nothing is lost.
"""

from collections.abc import Iterator
from typing import Any

from ingestion.collector.dialects.bodies import filled, first

# Field of the message -> what it is called in the short shapes.
_FIELDS: dict[str, tuple[str, ...]] = {
    "messageId": ("messageId", "message_id", "eventId", "event_id", "id"),
    "userId": ("userId", "user_id"),
    "anonymousId": ("anonymousId", "anonymous_id", "deviceId", "device_id"),
    "sessionId": ("sessionId", "session_id"),
    "timestamp": ("timestamp", "occurredAt", "occurred_at"),
    "sentAt": ("sentAt", "sent_at"),
    # What the door takes away must stand where it looks for it.
    "writeKey": ("writeKey",),
    "ip": ("ip",),
}
_NAMES = ("eventName", "event_name", "event")
_KINDS = ("eventType", "event_type")
_DATA = ("properties", "eventData", "event_data", "data")
# Path in the context -> what it is called in the short shapes.
_CONTEXT: dict[tuple[str, str], tuple[str, ...]] = {
    ("page", "url"): ("pageUrl", "page_url"),
    ("page", "referrer"): ("referrer",),
    ("device", "type"): ("deviceType", "device_type"),
    ("browser", "name"): ("browser",),
    ("location", "country"): ("country",),
    ("location", "city"): ("city",),
}
# Context in which a word stands where Segment has an object.
_WORDS = {"device": "type", "browser": "name", "os": "name", "location": "country"}
_PLACED = frozenset(
    name
    for names in (*_FIELDS.values(), _NAMES, _KINDS, _DATA, *_CONTEXT.values(), ("context", "type", "integrations"))
    for name in names
)
_SIGNS = frozenset({"eventName", "event_name", "eventType", "event_type"})
_PAGE_VIEWS = frozenset({"page_view", "pageview", "pageView"})


def is_short(message: dict[str, Any]) -> bool:
    """Whether a message has one of the short shapes."""
    if not _SIGNS.isdisjoint(message):
        return True
    return isinstance(message.get("data"), dict) and "event" not in message and "properties" not in message


def lengthened(message: dict[str, Any]) -> dict[str, Any]:
    """The message in Segment's shape."""
    kind = first(message, *_KINDS, "type")
    name = first(message, *_NAMES)
    fields = {field: first(message, *names) for field, names in _FIELDS.items()}
    if fields["userId"] is None and fields["anonymousId"] is None:
        # A visitor without any id is at least the same one for as long as the session lasts.
        fields["anonymousId"] = fields["sessionId"]
    properties = _properties(message)
    long = filled(**fields, context=_context(message))
    if kind in _PAGE_VIEWS:
        return long | {"type": "page"} | filled(name=name, properties=properties)
    if name is not None and kind is not None and isinstance(properties, dict):
        properties.setdefault("event_type", kind)
    return long | {"type": "track"} | filled(event=name if name is not None else kind, properties=properties)


def _properties(message: dict[str, Any]) -> Any:
    """The properties and whatever has no other place; as they came where they are no object."""
    given = first(message, *_DATA)
    if given is not None and not isinstance(given, dict):
        return given
    return {**{name: value for name, value in message.items() if name not in _PLACED}, **(given or {})}


def _context(message: dict[str, Any]) -> Any:
    given = message.get("context")
    if given is not None and not isinstance(given, dict):
        return given
    context: dict[str, Any] = dict(given or {})
    for name, part in _WORDS.items():
        if isinstance(context.get(name), str):
            context[name] = {part: context[name]}
    for (name, part), value in _flat(message):
        inner = context.setdefault(name, {})
        if isinstance(inner, dict):
            context[name] = {part: value, **inner}
    return context


def _flat(message: dict[str, Any]) -> Iterator[tuple[tuple[str, str], Any]]:
    for path, names in _CONTEXT.items():
        value = first(message, *names)
        if value is not None:
            yield path, value
