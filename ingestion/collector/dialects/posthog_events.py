"""From one of PostHog's events to a message in Segment's shape."""

from typing import Any

from ingestion.collector.dialects.bodies import filled, first, item_of, text
from ingestion.collector.dialects.interface import Item

# Properties that become parts of the context. Those that describe a server say nothing about a person's device.
_PAGE = {"url": "$current_url", "path": "$pathname", "referrer": "$referrer", "title": "title"}
_CAMPAIGN = {
    "source": "utm_source",
    "medium": "utm_medium",
    "name": "utm_campaign",
    "term": "utm_term",
    "content": "utm_content",
}
_NO_REFERRER = "$direct"
_SECRETS = frozenset({"token", "api_key"})
_PERSONAL = ("$set", "$set_once")


def item_of_event(event: Any) -> Item:
    """The message of one event; what is no object stays what it is and is refused by the door."""
    return item_of(_message(event) if isinstance(event, dict) else event)


def _message(event: dict[str, Any]) -> dict[str, Any]:
    given = event.get("properties")
    properties: dict[str, Any] = given if isinstance(given, dict) else {}
    name = event.get("event")
    message = filled(
        messageId=first(event, "uuid", "$insert_id") or first(properties, "$insert_id"),
        timestamp=event.get("timestamp"),
        sentAt=event.get("sent_at"),
        context=_context(properties),
        sessionId=properties.get("$session_id"),
        **_who(event, properties),
    )
    kept = {key: value for key, value in properties.items() if key not in _SECRETS and key != "$ip"}
    make = _TYPES.get(name) if isinstance(name, str) else None
    if make is not None:
        return message | make(event, kept)
    for field in _PERSONAL:
        if field in event:
            kept.setdefault(field, event[field])
    # An event without properties, or with something else in their place, keeps what it came with.
    shown = kept if isinstance(given, dict) else given
    return message | {"type": "track", "event": name} | filled(properties=shown)


def _who(event: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    """The library's one id is the user's as soon as there is one, and the browser's own before that."""
    distinct = first(event, "distinct_id", "$distinct_id")
    if distinct is None:
        distinct = first(properties, "distinct_id", "$distinct_id")
    device = first(properties, "$anon_distinct_id", "$device_id")
    is_anonymous = (
        properties.get("$is_identified") is False
        or properties.get("$process_person_profile") is False
        or (distinct is not None and distinct == properties.get("$device_id"))
    )
    if is_anonymous:
        return filled(userId=properties.get("$user_id"), anonymousId=distinct)
    return filled(userId=distinct, anonymousId=device)


def _identify(event: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    traits: dict[str, Any] = {}
    for field in reversed(_PERSONAL):
        for place in (kept.pop(field, None), event.get(field)):
            if isinstance(place, dict):
                traits |= place
    return {"type": "identify", "traits": traits}


def _alias(event: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    return {"type": "alias"} | filled(previousId=kept.pop("alias", None))


def _group(event: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    traits = kept.get("$group_set")
    named = {**traits} if isinstance(traits, dict) else {}
    named |= filled(group_type=kept.get("$group_type"))
    return {"type": "group", "traits": named} | filled(groupId=kept.get("$group_key"))


def _page(event: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    return {"type": "page", "properties": kept} | filled(name=text(kept.get("title")))


def _screen(event: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    return {"type": "screen", "properties": kept} | filled(name=kept.get("$screen_name"))


_TYPES = {
    "$identify": _identify,
    "$set": _identify,
    "$create_alias": _alias,
    "$groupidentify": _group,
    "$pageview": _page,
    "$screen": _screen,
}


def _context(properties: dict[str, Any]) -> dict[str, Any]:
    page = filled(**{name: properties.get(key) for name, key in _PAGE.items()})
    if page.get("referrer") == _NO_REFERRER:
        del page["referrer"]
    kind = properties.get("$device_type")
    device: dict[str, Any] = {}
    if not properties.get("$is_server"):
        device = filled(
            device=filled(type=kind.lower() if isinstance(kind, str) else kind),
            os=filled(name=properties.get("$os"), version=properties.get("$os_version")),
            browser=filled(name=properties.get("$browser"), version=properties.get("$browser_version")),
        )
    return filled(
        library=filled(name=properties.get("$lib"), version=properties.get("$lib_version")),
        page=page,
        campaign=filled(**{name: properties.get(key) for name, key in _CAMPAIGN.items()}),
        userAgent=properties.get("$raw_user_agent"),
        ip=properties.get("$ip"),
        **device,
    )
