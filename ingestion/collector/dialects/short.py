"""The short shapes in which platforms send events of their own: `eventName` or `event_type`, flat and without a type.

`{"eventType": "action", "eventName": "fund_project", "userId": ..., "properties": {...}, "context": {...}}`,
`{"event_type": "search", "session_id": ..., "event_data": {...}, "page_url": ..., "device_type": ..., "country": ...}`
and `{"type": "search", "data": {...}}` become messages in Segment's shape. What has no place there becomes a property,
so that nothing is lost.
"""

from typing import Any

from ingestion.collector.dialects.bodies import filled, first

# Field of the message -> what it is called in the short shapes.
_FIELDS: dict[str, tuple[str, ...]] = {
    # No other name: `id` or `event_id` may be what the event is about, and would make strangers' events copies of one.
    "messageId": ("messageId", "message_id"),
    "userId": ("userId", "user_id"),
    "anonymousId": ("anonymousId", "anonymous_id", "deviceId", "device_id"),
    "sessionId": ("sessionId", "session_id"),
    "timestamp": ("timestamp", "occurredAt", "occurred_at"),
    "sentAt": ("sentAt", "sent_at"),
    # What the door takes away must stand where it looks for it.
    "writeKey": ("writeKey",),
    "ip": ("ip",),
    "integrations": ("integrations",),
}
_NAMES = ("eventName", "event_name", "event")
_KINDS = ("eventType", "event_type")
_DATA = ("eventData", "event_data", "data")
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
_SIGNS = frozenset({"eventName", "event_name", "eventType", "event_type"})
_PAGE_VIEWS = frozenset({"page_view", "pageview", "pageView"})


def is_short(message: dict[str, Any]) -> bool:
    """Whether a message has one of the short shapes."""
    if not _SIGNS.isdisjoint(message):
        return True
    return isinstance(message.get("data"), dict) and "event" not in message and "properties" not in message


def lengthened(message: dict[str, Any]) -> dict[str, Any]:
    """The message in Segment's shape."""
    rest = dict(message)
    kind = _take(rest, *_KINDS, "type")
    name = _take(rest, *_NAMES)
    fields = {field: _take(rest, *names) for field, names in _FIELDS.items()}
    if fields["userId"] is None and fields["anonymousId"] is None:
        # A visitor without any id is at least the same one for as long as the session lasts.
        fields["anonymousId"] = fields["sessionId"]
    long = filled(**fields, context=_context(rest))
    is_page = isinstance(kind, str) and kind in _PAGE_VIEWS
    long["type"] = "page" if is_page else "track"
    if rest.get("type") == long["type"]:
        del rest["type"]
    given = _take(rest, "properties")
    if given is not None and not isinstance(given, dict):
        # Refused, as in Segment's shape; what came with it stands beside it.
        properties, long = given, {**rest, **long}
    else:
        properties = _properties(given or {}, rest)
        if name is not None and kind is not None and not is_page and properties.setdefault("event_type", kind) != kind:
            properties.setdefault("eventType", kind)
    if is_page:
        return long | filled(name=name, properties=properties)
    return long | filled(event=name if name is not None else kind, properties=properties)


def _take(rest: dict[str, Any], *names: str) -> Any:
    """The first of several fields that has a value, taken out; another that says something else stays."""
    found = first(rest, *names)
    for name in names:
        if name in rest and rest[name] in (None, "", found):
            del rest[name]
    return found


def _properties(given: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    """Everything that is left in one object; of a name with several values the first one counts."""
    fit = [name for name in _DATA if rest.get(name) in (None, "") or isinstance(rest[name], dict)]
    objects = [_take(rest, name) or {} for name in fit]
    properties: dict[str, Any] = {}
    for values in (given, *objects, rest):
        for name, value in values.items():
            if properties.get(name) is None:
                properties[name] = value
    return properties


def _context(rest: dict[str, Any]) -> Any:
    """The context, taken out, with those of the flat fields that it has room for."""
    given = _take(rest, "context")
    if given is not None and not isinstance(given, dict):
        return given
    context: dict[str, Any] = dict(given or {})
    for name, part in _WORDS.items():
        if isinstance(context.get(name), str):
            context[name] = {part: context[name]}
    for (name, part), names in _CONTEXT.items():
        value = first(rest, *names)
        inner = context.get(name, {})
        if value is None:
            _take(rest, *names)
        elif isinstance(inner, dict) and inner.get(part) in (None, value):
            context[name] = {**inner, part: _take(rest, *names)}
    return context
