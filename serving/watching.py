"""What the portal looks at beside the published version, at most twice a minute: the daemon, and what waits."""

import threading
import time
from datetime import UTC, datetime, timedelta

from almanac.daemon import look
from almanac.errors import AlmanacError
from almanac.settings import Settings
from expectations.promises_now import Freshness, first_shown, freshness
from serving.catalogue import Publication
from serving.formatting import utc

LOOK_AGAIN_SECONDS = 30.0


class DaemonWatch:
    """Since when the daemon is silent. Pages take what was seen last: a database that is gone must not hold them up."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen: datetime | None = None
        self._due = 0.0
        self._lock = threading.Lock()

    def silent_since(self) -> datetime | None:
        """The last sign of life (aware, UTC) of a daemon that is silent, as seen last; None outside of production.

        Where that was seen too long ago, another look is begun, and not waited for.
        """
        if self._settings.environment != "production":
            return None
        with self._lock:
            is_due = time.monotonic() >= self._due
            if is_due:
                self._due = time.monotonic() + LOOK_AGAIN_SECONDS
        if is_due:
            threading.Thread(target=self.look_now, name="look at the daemon", daemon=True).start()
        return self._seen

    def look_now(self) -> None:
        """Look, and remember what is seen; a database that cannot be read is no sign of a silent daemon."""
        try:
            self._seen = look(self._settings, datetime.now(UTC)).silent_since
        except AlmanacError:
            self._seen = None


class FreshnessWatch:
    """How the promises about freshness stand and what waits, as seen last: looking at a large lake takes time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen: Freshness | None = None
        self._first = ("", datetime.min.replace(tzinfo=UTC))  # a version, and when its newest arrival was shown first
        self._due = 0.0
        self._lock = threading.Lock()

    def now(self) -> Freshness:
        """What was seen last, or is seen now if that is too long ago. Raises AlmanacError if it cannot be seen."""
        with self._lock:
            if self._seen is None or time.monotonic() >= self._due:
                self._seen = freshness(self._settings, datetime.now(UTC))
                self._due = time.monotonic() + LOOK_AGAIN_SECONDS
            return self._seen

    def on_the_way(self, published: Publication) -> timedelta:
        """From the newest arrival of a version to the first publication that held it.

        Another one without new data makes nothing older. Where the first cannot be seen, the version's own time counts.
        """
        newest, own = utc(published.data_as_of), utc(published.published_at)
        if self._first[0] != published.id:
            try:
                self._first = (published.id, first_shown(self._settings, newest) or own)
            except AlmanacError:
                return own - newest
        return self._first[1] - newest
