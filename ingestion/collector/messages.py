"""Reading JSON that clients send: quickly where it is well-formed, patiently where it is odd, never trusting it.

The quick decoder refuses what some SDKs send (NaN, lone surrogates); the patient one of the standard library reads it,
so that one odd event does not take its whole batch with it.
"""

import json
import math
import re
from typing import Any

import msgspec

from ingestion.collector.problems import Problem
from ingestion.privacy.cleaning import NAMES
from ingestion.repeated_names import RepeatedNames, may_space_names

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_CALLED_JSON = (b"", b"application/json")
# What clients call JSON that is none of these by its name; so a body that begins as JSON is taken for broken JSON.
_PERHAPS_JSON = (
    b"text/plain",
    b"application/x-www-form-urlencoded",
    b"application/octet-stream",
)
# What a client should not have sent, in bytes that cannot be read as JSON and so cannot be cleaned as an object.
_SECRET = re.compile(rb'("(?:%s)"\s*:\s*)"[^"]*"' % b"|".join(re.escape(name).encode() for name in sorted(NAMES)))
_NAME_END = b'":'
_KEY = re.compile(rb"alm_[A-Za-z0-9_-]{20,}")
_REDACTED = b"[removed]"
KEY_MARK = b"alm_"


class Unreadable(ValueError):
    """Bytes that are not JSON; `code` is stable, the text says where and why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def read(raw: bytes | memoryview) -> Any:
    """The value of JSON bytes. Raises Unreadable; numbers that are not finite are `invalid_json_number`."""
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = read_odd(raw)
    if not finite(value):
        raise Unreadable(
            "invalid_json_number", "it holds a number that is not finite (NaN, Infinity); send null instead"
        )
    return value


def read_odd(raw: bytes | memoryview) -> Any:
    """The value of JSON bytes in which NaN, Infinity and lone surrogates are allowed. Raises Unreadable."""
    try:
        return json.loads(bytes(raw).decode("utf-8"))
    except RecursionError:
        raise Unreadable("too_deep", "it is nested hundreds of levels deep") from None
    except UnicodeDecodeError as error:
        raise Unreadable("invalid_encoding", f"it is not valid UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise Unreadable("invalid_json", f"line {error.lineno} column {error.colno}: {error.msg}") from None
    except ValueError:  # an integer with more than 4,300 digits
        raise Unreadable("invalid_json_number", "it holds an integer with thousands of digits") from None


def finite(value: Any) -> bool:
    """Whether all numbers in a JSON value are finite (and it is not nested too deeply to tell)."""
    try:
        return _finite(value)
    except RecursionError:
        return False


def _finite(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return all(map(_finite, value.values()))
    if kind is list:
        return all(map(_finite, value))
    return kind is not float or math.isfinite(value)


def deeper_than(value: Any, levels: int) -> bool:
    """Whether a JSON value is nested in more than `levels` objects and lists."""
    kind = type(value)
    if kind is not dict and kind is not list:
        return False
    items = value.values() if kind is dict else value
    return levels <= 0 or any(deeper_than(item, levels - 1) for item in items)


def write(value: Any) -> bytes:
    """JSON bytes of a value that `read_odd` gave, NaN and lone surrogates included. Raises Unreadable if too deep."""
    try:
        if finite(value):
            return _encode(value)
    except (UnicodeEncodeError, OverflowError, RecursionError):
        pass
    try:
        return json.dumps(value, separators=(",", ":")).encode()
    except RecursionError:
        raise Unreadable("too_deep", "it is nested hundreds of levels deep") from None


def repeats_names(raw: bytes, value: Any) -> bool:
    """Whether a name stands twice in one object of the bytes whose value this is; only odd bytes are read again."""
    plain = write(value)
    if len(plain) == len(raw):
        return False
    if plain.count(_NAME_END) == raw.count(_NAME_END) and not may_space_names(raw):
        return False
    repeated = RepeatedNames()
    json.loads(raw, object_pairs_hook=repeated)
    return repeated.found


def without_keys(raw: bytes) -> bytes:
    """Bytes without what looks like a write key."""
    return _KEY.sub(_REDACTED, raw)


def kind_of(value: Any) -> str:
    """What JSON calls the type of a value."""
    for types, word in (((dict,), "object"), ((list,), "array"), ((str,), "string"), ((bool,), "boolean")):
        if isinstance(value, types):
            return word
    return "null" if value is None else "number"


def redact(raw: bytes) -> bytes:
    """Bytes without what looks like a write key or an IP address given as such."""
    return without_keys(_SECRET.sub(rb'\1"[removed]"', raw))


def refuse_body(error: Unreadable, body: bytes, content_type: bytes) -> Problem:
    """The refusal of a body in which no events can be told apart."""
    media = content_type.partition(b";")[0].strip().lower()
    is_json = media in _CALLED_JSON or media.endswith(b"+json")
    if media in _PERHAPS_JSON:
        is_json = body.lstrip()[:1] in (b"{", b"[")
    if error.code == "invalid_json" and not is_json:
        message = f"The body is {media[:60].decode('latin-1')!r} and not JSON. Send application/json."
        return Problem(415, "unsupported_media_type", message, excerpt=body)
    return Problem(400, error.code, f"The body is not valid JSON: {error}.", excerpt=body)
