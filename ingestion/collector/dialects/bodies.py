"""Reading a body whole: what all dialects have in common, and the quick way's fall-back for odd JSON."""

from collections.abc import Callable, Iterable
from typing import Any

from ingestion.collector.dialects.interface import Item, Request
from ingestion.collector.limits import MAX_EVENTS
from ingestion.collector.messages import Unreadable, finite, kind_of, read_odd, refuse_body, write
from ingestion.collector.problems import Problem

_BOM = b"\xef\xbb\xbf"


def content(request: Request) -> bytes:
    """The body without a byte order mark. Raises Problem if nothing is left."""
    body = request.body.removeprefix(_BOM)
    if not body.strip():
        raise Problem(400, "empty_body", "The body is empty. Send a JSON object.")
    return body


def json_value(body: bytes, content_type: bytes) -> Any:
    """The value of a body in which NaN and lone surrogates are allowed. Raises Problem."""
    try:
        return read_odd(body)
    except Unreadable as error:
        raise refuse_body(error, body, content_type) from None


def json_object(body: bytes, content_type: bytes) -> dict[str, Any]:
    """The object that a body is. Raises Problem if it is none."""
    value = json_value(body, content_type)
    if not isinstance(value, dict):
        raise not_an_object(value, body)
    return value


def list_in(value: dict[str, Any], name: str, body: bytes) -> list[Any]:
    """The list of events under `name`, at most one more than is allowed. Raises Problem if there is none."""
    events = value.get(name)
    if not isinstance(events, list):
        got = f"it is of type {kind_of(events)}" if name in value else "there is none"
        raise Problem(400, "invalid_batch", f"{name} must be a list of events, but {got}.", excerpt=body)
    return events[: MAX_EVENTS + 1]


def refuse_size(count: int) -> None:
    """Raise Problem if a batch holds no events or too many."""
    if not count:
        raise Problem(400, "empty_batch", "The batch is empty. Send at least one event.")
    if count > MAX_EVENTS:
        message = f"The batch has more than {MAX_EVENTS:,} events. Send smaller batches."
        raise Problem(400, "too_many_events", message, extra={"limit": MAX_EVENTS})


def item_of(value: Any) -> Item:
    """An event of which only the value is known. Raises Unreadable if it is nested too deeply to be written."""
    if finite(value):
        return Item(write(value), value)
    return Item(write(value), value, Unreadable("invalid_json_number", "it holds a number that is not finite"))


def items_of(events: Iterable[Any], make: Callable[[Any], Item], body: bytes, content_type: bytes) -> list[Item]:
    """An item of each event, by `make`. Raises Problem if one is nested too deeply to be written."""
    try:
        return [make(event) for event in events]
    except Unreadable as error:
        raise refuse_body(error, body, content_type) from None


def not_an_object(value: Any, body: bytes) -> Problem:
    """The refusal of a body that is JSON, but no object."""
    return Problem(400, "not_an_object", f"Expected an object, got {kind_of(value)}.", excerpt=body)


def text(value: Any) -> str | None:
    """A value if it is text and not empty."""
    return value if isinstance(value, str) and value else None


def first(value: dict[str, Any], *names: str) -> Any:
    """The first of several fields that has a value; None if none has."""
    for name in names:
        found = value.get(name)
        if found is not None and found != "":
            return found
    return None


def filled(**fields: Any) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None and value != "" and value != {}}
