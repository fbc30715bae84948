"""The quickest way through the door: track messages that are recognised by their types, all of a request at once.

All that is left to ask of an event stands in one loop: a function for each question would cost as much as its answer.
Does not belong here: what events mean (`plain_typed.py`), and what becomes of those that are not recognised.
"""

from collections.abc import Sequence

from msgspec import UNSET

from ingestion.collector.door import Verdict
from ingestion.collector.limits import MAX_MESSAGE_ID
from ingestion.collector.quick_completing import CONTEXT, Completer, start_of_context
from ingestion.collector.quick_contexts import ABSENT, NAME_END, Context
from ingestion.plain_events import Envelope
from ingestion.plain_typed import TypedEvent, TypedEvents, names_in
from ingestion.privacy.suppression import SuppressedPeople
from ingestion.settling import PLACEHOLDER, with_context

_ABOUT_PEOPLE = ("identify", "group", "alias")


def typed_verdicts(
    raws: Sequence[bytes],
    typed: TypedEvents,
    completer: Completer,
    people: SuppressedPeople | None,
    *,
    may_escape: bool,
) -> list[Verdict | None]:
    """The verdict of each track message that is recognised by its type; None if it is not.

    `may_escape` is whether there may be a backslash in one of them.
    """
    verdicts: list[Verdict | None] = [None] * len(raws)
    contexts = completer.contexts
    usual = b"{" + completer.sent_at
    usual_names = usual.count(NAME_END)
    for place, event in enumerate(typed.read(raws, may_escape=may_escape)):
        if event is None:
            continue
        raw = raws[place]
        sent = ABSENT if event.context is UNSET else bytes(event.context)
        context = contexts[sent]
        if context is None or not context.is_plain or len(event.messageId) > MAX_MESSAGE_ID:
            continue
        head, names = usual, usual_names
        if event.type is UNSET or event.sentAt is not UNSET:
            added = completer.added_to(event)
            if added is None:
                continue
            head, names = b"{" + added, added.count(NAME_END)
        placed = _with_placeholder(raw, sent, context, head)
        if placed is None:
            continue
        kept, hole = placed
        is_context_added = not sent and hole > 0  # with its name
        # The names inside of the context were counted when it was looked at.
        if kept.count(NAME_END) != names + names_in(event) + int(is_context_added):
            continue
        if people is not None and may_be_about(people, event, sent):
            continue
        text = context.text
        if text is None or (may_escape and b"\\" in kept):
            # It will be judged again when it is landed.
            verdicts[place] = Verdict(with_context(kept, context.completed, hole))
        else:
            # By position: names take three times as long.
            verdicts[place] = Verdict(kept, (), (), (), False, True, text, hole)
    return verdicts


def _with_placeholder(raw: bytes, sent: bytes, context: Context, head: bytes) -> tuple[bytes, int] | None:
    """The event with a beginning of its own and what stands for its context, and where this stands (0 if it has none).

    None where the place of its context is not certain.
    """
    if sent:
        start = start_of_context(raw, sent)
        if start is None:
            return None
        kept = b"".join((head, raw[1:start], PLACEHOLDER, raw[start + len(sent) :]))
        return kept, len(head) + start - 1
    if context.completed:
        return b"".join((head, CONTEXT, PLACEHOLDER, b",", raw[1:])), len(head) + len(CONTEXT)
    return head + raw[1:], 0


def may_be_about(people: SuppressedPeople, event: Envelope | TypedEvent, raw: bytes) -> bool:
    """Whether an event has to be looked at because it may be about a suppressed person.

    `raw` is where there may be traits of it.
    """
    if event.type in _ABOUT_PEOPLE or b'"traits"' in raw or getattr(event, "previousId", None) is not None:
        return True
    return (event.userId or None) in people or (event.anonymousId or None) in people
