"""Whose event it is, in which session, and which message: the ids of the envelope."""

import re
from functools import lru_cache
from hashlib import md5
from typing import Any

from ingestion.scrub import NeedsScrubbing, assert_plain, plain
from ingestion.tracking_plan.contracts import Reason

LONGEST_ID = 256  # characters of an id of a user or visitor
INVALID_CHARACTER = "invalid_character"

_IDS = ("userId", "anonymousId", "previousId", "groupId", "messageId")
_UUID_LENGTH = 36
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
# Ids that are a client's programming mistake, also with space around them; as identities they would make strangers one
# person.
_NO_IDS = frozenset({"", "0", "anonymous", "nan", "nil", "none", "null", "undefined", "[object object]"})


def identity(message: dict[str, Any], field: str, reasons: list[Reason], warnings: list[str]) -> str | None:
    """An id of a user or visitor as text, or None where there is none worth the name."""
    value = message.get(field)
    if value is None:
        return None
    if type(value) is not str:
        if type(value) is not int:
            reasons.append(Reason(field, "invalid_identity", f"{field} must be text"))
            return None
        value = str(value)
        warnings.append(f"converted:{field}")
    if len(value) > LONGEST_ID:
        # Never cut: two long ids with the same beginning would become one person.
        reasons.append(Reason(field, "identity_too_long", f"{field} is longer than {LONGEST_ID} characters"))
        return None
    if value.strip().lower() in _NO_IDS:
        if value:
            warnings.append(f"illegal:{field}")
        return None
    assert_plain(value)
    return value


def nobody(message: dict[str, Any]) -> Reason:
    """Why an event without a usable id is refused: it has none, or one that only a client's mistake can be."""
    for field in ("userId", "anonymousId"):
        text = str(message.get(field)) if type(message.get(field)) in (str, int) else ""
        if text and text.strip().lower() in _NO_IDS:
            what = f"{field} {text!r} looks like a mistake of the client; send a real id, or none"
            return Reason(field, "illegal_identity", what)
    return Reason("userId", "missing_identity", "an event needs a userId or an anonymousId")


def invalid_characters(message: dict[str, Any], in_name: bool) -> list[Reason]:
    """Why a message with a character that no store can hold is refused: two ids or names mended alike would be one."""
    reasons = [
        Reason(field, INVALID_CHARACTER, f"{field} holds a character that cannot be stored (NUL or half a pair)")
        for field in _IDS
        if isinstance(message.get(field), str) and plain(message[field]) != message[field]
    ]
    if in_name:
        reasons.append(Reason("", INVALID_CHARACTER, "the name of a property holds the character NUL"))
    return reasons


# The same people send event after event.
@lru_cache(maxsize=65_536)
def is_plain_id(text: str) -> bool:
    """Whether `identity` takes this text as an id without a word."""
    if len(text) == _UUID_LENGTH and _UUID.fullmatch(text):
        return True
    reasons: list[Reason] = []
    warnings: list[str] = []
    try:
        return identity({"id": text}, "id", reasons, warnings) is not None and not reasons and not warnings
    except NeedsScrubbing:
        return False


def session_id(message: dict[str, Any], context: Any, warnings: list[str]) -> str | None:
    """The client's own session, from the message or its context, as text."""
    value = message.get("sessionId")
    if value is None and context:
        value = context.get("sessionId")
    if value is None or value == "":
        return None
    if type(value) is str:
        assert_plain(value)
        return value
    if type(value) is int:
        return str(value)  # mobile SDKs number their sessions by time
    warnings.append("invalid:sessionId")
    return None


def message_id(
    message: dict[str, Any], origin: str, reasons: list[Reason], warnings: list[str]
) -> tuple[bytes, str | None]:
    """The 16 bytes that identify the message within its tenant, and the client's own text where it is no UUID."""
    given = message.get("messageId")
    if type(given) is str and given:
        if len(given) == 36 and _UUID.fullmatch(given):
            return bytes.fromhex(given.replace("-", "")), None
        assert_plain(given)
        return _hash(given), given
    if given is None or given == "":
        warnings.append("generated:messageId")
    else:
        reasons.append(Reason("messageId", "invalid_message_id", "messageId must be text"))
    return _hash(origin), None


def _hash(text: str) -> bytes:
    return md5(text.encode(), usedforsecurity=False).digest()
