"""What the portal looks at beside the published version, at most twice a minute: the daemon, and what waits."""

import threading
import time
from datetime import UTC, datetime

from almanac.daemon import look
from almanac.errors import AlmanacError
from almanac.settings import Settings
from expectations.promises_now import Freshness, freshness

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
        self._due = 0.0
        self._lock = threading.Lock()

    def now(self) -> Freshness:
        """What was seen last, or is seen now if that is too long ago. Raises AlmanacError if it cannot be seen."""
        with self._lock:
            if self._seen is None or time.monotonic() >= self._due:
                self._seen = freshness(self._settings, datetime.now(UTC))
                self._due = time.monotonic() + LOOK_AGAIN_SECONDS
            return self._seen
