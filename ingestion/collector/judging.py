"""From the events of a request to their verdicts: the quick lane for what is plain, the careful way for the rest."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from almanac.state import WriteKey
from ingestion.collector.dialects import Found, Request, Route
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

    def judge(
        self, found: Found, key: WriteKey, received_at: datetime, headers: Mapping[bytes, bytes], peer: str | None
    ) -> list[Verdict]:
        """A verdict for each event that was read, in order."""
        found = self._enricher.enrich(found, headers, peer)
        return self._door.judge(found, key.tenant, key.source, received_at)

    def judge_unread(
        self, found: Found, key: WriteKey, received_at: datetime, headers: Mapping[bytes, bytes], peer: str | None
    ) -> list[Verdict] | None:
        """The same for events that were not read; None if the request has to be read whole after all."""
        verdicts = self._quick.judge(found, key.tenant, headers, peer)
        odd = [place for place, verdict in enumerate(verdicts) if verdict is None]
        if odd:
            if not found.is_batch:
                return None
            items = [read_item(found.items[place].raw) for place in odd]
            careful = self.judge(replace(found, items=items), key, received_at, headers, peer)
            for place, verdict in zip(odd, careful, strict=True):
                verdicts[place] = verdict
        return [verdict for verdict in verdicts if verdict is not None]


def read_quickly(route: Route, request: Request, has_key: bool) -> Found | None:
    """The events of a request, not read, where its route can tell them apart and somebody's key came with them."""
    found = None if route.quick is None else route.quick(request)
    return None if found is None or not (has_key or found.write_key) else found
