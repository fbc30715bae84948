"""What the door promises of an event that it settled, and by which rules it did so.

A settled event needs no second judgement at its landing, as long as the landing goes by the same rules. The door has
seen of it that:

- it is a track, page or screen message in UTF-8 with nothing in it but fields of the envelope, each at most once;
- each of its properties is declared, stands once, and is null or has the JSON type and the form of its contract, which
  asks for nothing more: judged the careful way it would get neither a reason nor a warning;
- its identity (of which one part may be empty), its session and the id of the message are ordinary;
- its context is taken without a word, and is kept apart as the lake will store it;
- outside of its context there is no backslash, so no character is escaped, and a quotation mark ends a text.

What is not settled is judged at its landing (times, what may have to be masked), and so is every event of a record that
was made by other rules.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

from ingestion.tracking_plan.model import Plan

KINDS = frozenset({"track", "page", "screen"})
PLACEHOLDER = b"0"  # stands for the context


def settled_by(plan: Plan) -> str:
    """The name of the rules: those of the tracking plan and those of this program."""
    return _name(plan.version)


@lru_cache(maxsize=16)
def _name(version: str) -> str:
    digest = hashlib.sha256(version.encode())
    folder = Path(__file__).parent
    # Any change of the program is a change of the rules: what a leftover log costs more to land is little and once.
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def with_context(raw: bytes, context: bytes, hole: int) -> bytes:
    """The text of a settled event with its context again where it was; `hole` is the place of what stands for it."""
    if not context:
        return raw
    return b"".join((raw[:hole], context, raw[hole + len(PLACEHOLDER) :]))
