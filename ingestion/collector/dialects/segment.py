"""Segment's HTTP API: which address means which type of message, and how events lie in a body."""

from functools import partial
from typing import Any

import msgspec

from ingestion.collector.dialects.bodies import (
    content,
    item_of,
    items_of,
    json_object,
    json_value,
    list_in,
    not_an_object,
    refuse_size,
    text,
)
from ingestion.collector.dialects.interface import Found, Item, Request, Route, Unread
from ingestion.collector.limits import MAX_DEPTH, MAX_EVENTS
from ingestion.collector.messages import Unreadable, deeper_than, finite, read, read_odd, refuse_body
from ingestion.collector.problems import Problem

TYPES = ("track", "identify", "page", "screen", "group", "alias")

_NONE = msgspec.Raw()


class _Batch(msgspec.Struct):
    batch: list[msgspec.Raw]
    context: msgspec.Raw = _NONE
    sentAt: msgspec.Raw = _NONE
    writeKey: msgspec.Raw = _NONE


_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_text = msgspec.json.Decoder(str | None).decode


def read_single(request: Request, type_: str | None = None) -> Found:
    """A body that is one message, of `type_` if the address says it. Raises Problem where it is none."""
    body, content_type = content(request), request.content_type
    fault = None
    try:
        value = read(body)
    except Unreadable as error:
        if error.code != "invalid_json_number":
            raise refuse_body(error, body, content_type) from None
        value, fault = json_value(body, content_type), error
    if not isinstance(value, dict):
        raise not_an_object(value, body)
    return Found([_with_traits(Item(body, value, fault), type_)], type=type_, write_key=text(value.get("writeKey")))


def read_batch(request: Request) -> Found:
    """A body with a list of messages in `batch`. Raises Problem where there is none, or one of a size not allowed."""
    body, content_type = content(request), request.content_type
    try:
        batch = _decode_batch(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = _read_odd_batch(body, content_type)
    else:
        found = Found(
            [read_item(bytes(raw)) for raw in batch.batch[: MAX_EVENTS + 1]],
            is_batch=True,
            context=_beside("context", batch.context, body),
            sent_at=_beside("sentAt", batch.sentAt, body),
            write_key=text(_beside("writeKey", batch.writeKey, body)),
        )
    refuse_size(len(found.items))
    for name, value in (("context", found.context), ("sentAt", found.sent_at)):
        _refuse_unfit(name, value, body)
    return found


def quick_single(request: Request, type_: str | None = None) -> Unread | None:
    """A body that looks like one message, not read; None if a write key may be in it."""
    body = request.body
    if not body.startswith(b"{") or b'"writeKey"' in body:
        return None
    return Unread([body], body, type=type_)


def quick_batch(request: Request) -> Unread | None:
    """A batch whose events are not read; None where something beside them needs care."""
    try:
        batch = _decode_batch(request.body)
        sent_at = None if batch.sentAt is _NONE else _decode_text(batch.sentAt)
        write_key = None if batch.writeKey is _NONE else _decode_text(batch.writeKey)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if batch.context is not _NONE or not 0 < len(batch.batch) <= MAX_EVENTS:
        return None
    raws = [bytes(raw) for raw in batch.batch]
    return Unread(raws, request.body, is_batch=True, sent_at=sent_at, write_key=write_key or None)


def read_item(raw: bytes) -> Item:
    """One event of a batch."""
    return _with_traits(_item(raw))


def _read_odd_batch(body: bytes, content_type: bytes) -> Found:
    """A batch that the quick decoder refuses: because it is none, or because one of its events is odd."""
    value = json_object(body, content_type)
    return Found(
        items_of(list_in(value, "batch", body), item_of, body, content_type),
        is_batch=True,
        context=value.get("context"),
        sent_at=value.get("sentAt"),
        write_key=text(value.get("writeKey")),
    )


def _item(raw: bytes) -> Item:
    try:
        return Item(raw, read(raw))
    except Unreadable as error:
        if error.code == "invalid_json_number":
            return Item(raw, _value_or_none(raw), error)
        return Item(raw, None, error)


def _with_traits(item: Item, type_: str | None = None) -> Item:
    """An `identify` whose traits stand in its context alone, where RudderStack's libraries put them, with traits."""
    raw, value, fault = item
    if (type_ != "identify" and b'"identify"' not in raw) or fault is not None or not isinstance(value, dict):
        return item
    context = value.get("context")
    traits = context.get("traits") if isinstance(context, dict) else None
    if (type_ or value.get("type")) != "identify" or not isinstance(traits, dict) or not traits:
        return item
    if value.get("traits") is not None or value.get("properties") is not None:
        return item
    return item_of({**value, "traits": traits})


def _value_or_none(raw: bytes) -> Any:
    try:
        return read_odd(raw)
    except Unreadable:
        return None


def _beside(name: str, raw: msgspec.Raw, body: bytes) -> Any:
    """The value beside a batch, or None where it is absent."""
    own = bytes(raw)
    try:
        return read(own) if own else None
    except Unreadable as error:
        raise Problem(400, error.code, f"{name} of the batch cannot be read: {error}.", excerpt=body) from None


def _refuse_unfit(name: str, value: Any, body: bytes) -> None:
    """Refuse what would make every event of the batch unfit, because it is put into each of them."""
    if deeper_than(value, MAX_DEPTH - 1):
        message = f"{name} of the batch is nested deeper than {MAX_DEPTH - 1} levels."
        raise Problem(400, "too_deep", message, excerpt=body)
    if not finite(value):
        message = f"{name} of the batch holds a number that is not finite (NaN, Infinity). Send null instead."
        raise Problem(400, "invalid_json_number", message, excerpt=body)


# The browser SDK uses the first letters.
ROUTES = {
    ("POST", "/v1/batch"): Route(read_batch, quick=quick_batch),
    ("POST", "/v1/b"): Route(read_batch, quick=quick_batch),
    **{
        ("POST", f"/v1/{path}"): Route(partial(read_single, type_=name), quick=partial(quick_single, type_=name))
        for name in TYPES
        for path in (name, name[0])
    },
}
