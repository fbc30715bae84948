"""From the events of a request to their verdicts: the quick lane for what is plain, the careful way for the rest."""

from collections.abc import Mapping
from datetime import datetime

from almanac.state import WriteKey
from ingestion.collector.dialects import Found, Request, Route, Unread
from ingestion.collector.dialects.segment import read_item
from ingestion.collector.door import Door, Verdict
from ingestion.collector.enrich import Enricher
from ingestion.collector.quick import QuickLane


class Judge:
    """Enriches and judges; belongs to the event loop."""

    def __init__(self, enricher: Enricher, door: Door, quick: QuickLane) -> None:
        self._enricher = enricher
        self._door = door
        self._quick = quick
        self.settled_by = quick.settled_by  # the rules by which verdicts are settled

    def judge(
        self, found: Found, key: WriteKey, received_at: datetime, headers: Mapping[bytes, bytes], peer: str | None
    ) -> list[Verdict]:
        """A verdict for each event that was read, in order."""
        found = self._enricher.enrich(found, headers, peer)
        return self._door.judge(found, key.tenant, key.source, received_at, key.scope)

    def judge_unread(
        self, unread: Unread, key: WriteKey, received_at: datetime, headers: Mapping[bytes, bytes], peer: str | None
    ) -> list[Verdict] | None:
        """The same for events that were not read; None if the request has to be read whole after all."""
        if key.scope is not None:
            return None  # what an event is called in the tracking plan is only known of one that was read
        if not unread.is_batch:
            verdict = self._quick.judge_one(unread, key.tenant, headers, peer)
            return None if verdict is None else [verdict]
        verdicts = self._quick.judge(unread, key.tenant, headers, peer)
        odd = [place for place, verdict in enumerate(verdicts) if verdict is None]
        if odd:
            items = [read_item(unread.raws[place]) for place in odd]
            found = Found(items, is_batch=True, type=unread.type, sent_at=unread.sent_at)
            for place, verdict in zip(odd, self.judge(found, key, received_at, headers, peer), strict=True):
                verdicts[place] = verdict
        return [verdict for verdict in verdicts if verdict is not None]


def read_quickly(route: Route, request: Request, has_key: bool) -> Unread | None:
    """The events of a request, not read, where its route can tell them apart and somebody's key came with them."""
    unread = None if route.quick is None else route.quick(request)
    return None if unread is None or not (has_key or unread.write_key) else unread
