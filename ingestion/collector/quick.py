"""The quick lane of the door: events that are plainly right are completed and accepted without being taken apart.

An event stays in this lane only if it would come out of the careful way (`enrich`, then `door`) with the very same
bytes, no reason and no warning; a property test holds both against each other. All others come back as None.
"""

from collections.abc import Callable, Mapping, Sequence

from ingestion.collector.dialects import Unread
from ingestion.collector.door import Verdict
from ingestion.collector.enrich import Enricher
from ingestion.collector.limits import MAX_MESSAGE_ID
from ingestion.collector.messages import KEY_MARK
from ingestion.collector.quick_completing import Completed, Completer, is_simple
from ingestion.collector.quick_contexts import Contexts
from ingestion.collector.quick_typed import may_be_about, typed_verdicts
from ingestion.envelope import MAX_EVENT_BYTES
from ingestion.plain_fit import Fit, PlainFit
from ingestion.plain_typed import TypedEvents
from ingestion.privacy.suppression import SuppressedPeople
from ingestion.repeated_names import may_space_names
from ingestion.settling import KINDS, PLACEHOLDER, settled_by
from ingestion.tracking_plan import Plan

_LARGEST = MAX_EVENT_BYTES - 2_048  # with room for what is added


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
        places: Sequence[int] = range(unread.count)
        if _may_need_care(unread.body) or max(map(len, unread.raws)) > _LARGEST:
            places = [place for place in places if not _needs_care(unread.raws[place])]
        raws = [unread.raws[place] for place in places]
        for place, verdict in zip(places, _verdicts(raws, unread, lane, completer, people), strict=True):
            verdicts[place] = verdict
        return verdicts

    def judge_one(
        self, unread: Unread, tenant: str, headers: Mapping[bytes, bytes], peer: str | None
    ) -> Verdict | None:
        """The same for a request that is one event."""
        given = unread.raws[0]
        lane = self._lane(tenant)
        if lane is None or _needs_care(given):
            return None
        completer = Completer(unread, lane.contexts.beside(self._enricher.of_request(headers, peer)))
        return _verdicts([given], unread, lane, completer, self._suppressed(tenant))[0]

    def _lane(self, tenant: str) -> _Lane | None:
        """What is known for a tenant, if the plan knows it."""
        lane = self._lanes.get(tenant)
        if lane is None and tenant in self._plan.tenants:
            lane = self._lanes[tenant] = _Lane(self._plan, tenant, self._enricher)
        return lane


def _needs_care(raw: bytes) -> bool:
    return len(raw) > _LARGEST or _may_need_care(raw)


def _may_need_care(text: bytes) -> bool:
    """Whether a write key may be in an event, or a name that is not seen where names are counted."""
    return KEY_MARK in text or may_space_names(text)


def _verdicts(
    raws: Sequence[bytes], unread: Unread, lane: _Lane, completer: Completer, people: SuppressedPeople | None
) -> list[Verdict | None]:
    """The verdicts of the events of a request that have no size and no key that needs care."""
    verdicts: list[Verdict | None]
    if completer.is_track:
        verdicts = typed_verdicts(raws, lane.typed, completer, people, may_escape=b"\\" in unread.body)
        if None not in verdicts:
            return verdicts
    else:
        verdicts = [None] * len(raws)
    odd = [place for place, verdict in enumerate(verdicts) if verdict is None]
    completed = [(place, event) for place in odd if (event := completer.complete(raws[place])) is not None]
    judged = _judged([event for _, event in completed], lane.plain, unread.type, people)
    for (place, _), verdict in zip(completed, judged, strict=True):
        verdicts[place] = verdict
    return verdicts


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
    if people is not None and may_be_about(people, envelope, raw):
        return None
    settled = _settled(event) if fit.is_silent and envelope.type in KINDS else None
    return settled or Verdict(raw)


def _settled(event: Completed) -> Verdict | None:
    """The verdict of an event that will need no second judgement, if its text lets that be seen."""
    before, context, after = event.before, event.context, event.after
    if context is None or context.text is None or b"\\" in before or b"\\" in after:
        return None
    if not context.text:
        return Verdict(before + after, (), (), (), False, True)
    return Verdict(PLACEHOLDER.join((before, after)), (), (), (), False, True, context.text, len(before))
