"""Requests that were refused whole and name somebody who was erased: nothing of their bodies is kept any more."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from almanac.errors import AlmanacError
from almanac.state import Erasure
from ingestion.collector.refusals import Refusals
from ingestion.privacy.erased_since import ErasedSince, Going

_log = logging.getLogger("almanac.collector")


class ErasedRequests:
    """Looks for erasures that the refused requests of this collector can have missed; in one thread."""

    def __init__(self, refusals: Refusals, erased: ErasedSince) -> None:
        self._refusals = refusals
        self._erased = erased
        self._since = refusals.oldest()
        self._known: Sequence[Erasure] = ()

    def look(self) -> None:
        """Empty the excerpts that are about people who were erased since the last look. Raises OSError."""
        now = datetime.now(UTC)
        try:
            erasures = self._erased.since(self._since or now)
        except AlmanacError as error:
            _log.warning("refused requests may name people who were erased: %s", error)
            return
        if news := [going for going in erasures if going.erasure not in self._known]:
            self._refusals.forget(lambda tenant, at, excerpt: _is_about(news, tenant, at, excerpt))
        self._known = [going.erasure for going in erasures]
        self._since = now


def _is_about(erasures: Sequence[Going], tenant: str, at: datetime, excerpt: bytes) -> bool:
    return any(
        going.erasure.tenant == tenant and at <= going.until and going.people.mentioned_in(excerpt)
        for going in erasures
    )
