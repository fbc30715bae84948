"""The quick lane of the door: events that are plainly right are completed and accepted without being taken apart.

An event stays in this lane only if it would come out of the careful way (`enrich`, then `door`) with the very same
bytes, no reason and no warning; a property test holds both against each other. All others come back as None.
"""

from collections.abc import Callable, Mapping

from ingestion.collector.dialects import Unread
from ingestion.collector.door import Verdict
from ingestion.collector.enrich import Enricher
from ingestion.collector.limits import MAX_MESSAGE_ID
from ingestion.collector.messages import KEY_MARK
from ingestion.collector.quick_completing import Completed, Completer, is_simple
from ingestion.collector.quick_contexts import Contexts
from ingestion.envelope import MAX_EVENT_BYTES
from ingestion.plain_events import Envelope
from ingestion.plain_fit import Fit, PlainFit
from ingestion.plain_typed import TypedEvent, TypedEvents
from ingestion.privacy.suppression import SuppressedPeople
from ingestion.settling import KINDS, PLACEHOLDER, settled_by
from ingestion.tracking_plan import Plan

_LARGEST = MAX_EVENT_BYTES - 2_048  # with room for what is added
_ABOUT_PEOPLE = ("identify", "group", "alias")


class _Lane:
    """What is known for one tenant."""

    def __init__(self, plan: Plan, tenant: str, enricher: Enricher) -> None:
        self.typed = TypedEvents(plan, tenant)
        self.plain = PlainFit(plan, tenant)
        self.contexts = Contexts(enricher, self.plain)


class QuickLane:
    """Judges what is plain; belongs to the event loop."""

    def __init__(self, plan: Plan, enricher: Enricher, suppressed: Callable[[str], SuppressedPeople | None]) -> None:
        self._plan = plan
        self._enricher = enricher
        self._suppressed = suppressed
        self._lanes: dict[str, _Lane] = {}
        self.settled_by = settled_by(plan)

    def prepare(self) -> None:
        """Make ready for all tenants, so that nobody's first request waits for it."""
        for tenant in self._plan.tenants:
            self._lane(tenant)

    def judge(
        self, unread: Unread, tenant: str, headers: Mapping[bytes, bytes], peer: str | None
    ) -> list[Verdict | None]:
        """A verdict for each event that is plain, None for each that has to go the careful way."""
        verdicts: list[Verdict | None] = [None] * unread.count
        lane = self._lane(tenant)
        if lane is None:
            return verdicts
        people = self._suppressed(tenant)
        completer = Completer(unread, lane.contexts.beside(self._enricher.of_request(headers, peer)))
        may_hold_keys = KEY_MARK in unread.body
        completed: list[Completed] = []
        places: list[int] = []
        for place, given in enumerate(unread.raws):
            if len(given) > _LARGEST or (may_hold_keys and KEY_MARK in given):
                continue
            verdict = verdicts[place] = _typed_verdict(completer, given, lane.typed, people)
            if verdict is None:
                event = completer.complete(given)
                if event is not None:
                    completed.append(event)
                    places.append(place)
        if completed:
            for place, judged in zip(places, _judged(completed, lane.plain, unread.type, people), strict=True):
                verdicts[place] = judged
        return verdicts

    def judge_one(
        self, unread: Unread, tenant: str, headers: Mapping[bytes, bytes], peer: str | None
    ) -> Verdict | None:
        """The same for a request that is one event."""
        given = unread.raws[0]
        lane = self._lane(tenant)
        if lane is None or len(given) > _LARGEST or KEY_MARK in given:
            return None
        people = self._suppressed(tenant)
        completer = Completer(unread, lane.contexts.beside(self._enricher.of_request(headers, peer)))
        verdict = _typed_verdict(completer, given, lane.typed, people)
        if verdict is not None:
            return verdict
        event = completer.complete(given)
        return None if event is None else _judged([event], lane.plain, unread.type, people)[0]

    def _lane(self, tenant: str) -> _Lane | None:
        """What is known for a tenant, if the plan knows it."""
        lane = self._lanes.get(tenant)
        if lane is None and tenant in self._plan.tenants:
            lane = self._lanes[tenant] = _Lane(self._plan, tenant, self._enricher)
        return lane


def _judged(
    events: list[Completed], plain: PlainFit, kind: str | None, people: SuppressedPeople | None
) -> list[Verdict | None]:
    """The verdicts of the events that would surely be accepted, and are about nobody who is suppressed."""
    raws = [event.raw for event in events]
    return [
        None if fit is None else _verdict(event, raw, fit, kind, people)
        for event, raw, fit in zip(events, raws, plain.of(raws), strict=True)
    ]


def _verdict(
    event: Completed, raw: bytes, fit: Fit, kind: str | None, people: SuppressedPeople | None
) -> Verdict | None:
    envelope = fit.envelope
    if not is_simple(fit.raw_properties, fit.properties) or len(envelope.messageId) > MAX_MESSAGE_ID:
        return None
    if kind is not None and envelope.type != kind:
        return None
    if people is not None and _may_be_about(people, envelope, raw):
        return None
    settled = _settled(event) if fit.is_silent and envelope.type in KINDS else None
    return settled or Verdict(raw)


def _typed_verdict(
    completer: Completer, raw: bytes, typed: TypedEvents, people: SuppressedPeople | None
) -> Verdict | None:
    """The verdict of a track message that is recognised by its type; None if it is not."""
    event = typed.read(raw) if completer.is_track else None
    completed = None if event is None else completer.complete_typed(raw, event)
    if completed is None or event is None:
        return None
    if people is not None and _may_be_about(people, event, completed.raw):
        return None
    return _settled(completed) or Verdict(completed.raw)


def _settled(event: Completed) -> Verdict | None:
    """The verdict of an event that will need no second judgement, if its text lets that be seen."""
    before, context, after = event.before, event.context, event.after
    if context is None or context.text is None or b"\\" in before or b"\\" in after:
        return None
    if not context.text:
        return Verdict(before + after, (), (), (), False, True)
    return Verdict(PLACEHOLDER.join((before, after)), (), (), (), False, True, context.text, len(before))


def _may_be_about(people: SuppressedPeople, event: Envelope | TypedEvent, raw: bytes) -> bool:
    """Whether an event has to be looked at because it may be about a suppressed person."""
    if event.type in _ABOUT_PEOPLE or b'"traits"' in raw or getattr(event, "previousId", None) is not None:
        return True
    return (event.userId or None) in people or (event.anonymousId or None) in people
