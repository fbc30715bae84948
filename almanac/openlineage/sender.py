"""Sending events: in the background, for a few seconds at most, and never so that anybody has to care.

An endpoint that fails once is left alone for a minute, and said so in one line until it answers again.
"""

import http.client
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import closing
from functools import lru_cache

from almanac.openlineage.endpoint import Endpoint
from almanac.openlineage.events import Event

CONNECTIONS = 4
TIMEOUT_SECONDS = 2.0  # for a connection, and for each part of an answer
WAIT_SECONDS = 5.0  # the longest that the end of a build or publication waits for its events to be taken
QUIET_SECONDS = 60.0

_log = logging.getLogger("almanac.openlineage")


@lru_cache(maxsize=8)
def sender_to(endpoint: Endpoint) -> "Sender":
    """The one sender of this process to an endpoint: build and publication know together that it is down."""
    return Sender(endpoint)


class Sender:
    """Sends what runs say. Events of one `send` arrive in their order; nothing here raises."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._changed = threading.Condition()
        self._waiting: deque[Sequence[Event]] = deque()
        self._sending: set[int] = set()  # threads that hold events
        self._threads = 0
        self._quiet_until = 0.0
        self._is_down = False

    def send(self, *series: Sequence[Event]) -> None:
        """Hand over series of events and return at once."""
        with self._changed:
            if time.monotonic() < self._quiet_until:
                return
            self._waiting.extend(one for one in series if one)
            for _ in range(min(CONNECTIONS - self._threads, len(self._waiting))):
                self._threads += 1
                # A daemon: whoever has built may end, whatever the endpoint does.
                threading.Thread(target=self._work, name="openlineage", daemon=True).start()

    def wait(self) -> None:
        """Wait until everything is sent or given up, at most WAIT_SECONDS; what is left then is given up."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._waiting and not self._sending, WAIT_SECONDS):
                self._give_up(f"was too slow: not all events were taken within {WAIT_SECONDS:g} s")

    def _work(self) -> None:
        me = threading.get_ident()
        try:
            with closing(self._connection()) as connection:
                while (series := self._take(me)) is not None:
                    for one in series:
                        self._post(connection, one)
        except Exception as error:  # whatever a broken network or server makes of it; its text may name the address
            with self._changed:
                self._threads -= 1
                if me not in self._sending:
                    return  # what it held was given up before: whatever waits now came later
                said = str(error) if isinstance(error, _Refused) else f"was not reached ({type(error).__name__})"
                self._give_up(said)

    def _take(self, me: int) -> Sequence[Event] | None:
        """The next series for a thread, which has sent the one before; None ends the thread."""
        with self._changed:
            if me in self._sending and time.monotonic() >= self._quiet_until:
                self._is_down = False
            self._sending.discard(me)
            if self._waiting:
                self._sending.add(me)
                return self._waiting.popleft()
            self._threads -= 1
            self._changed.notify_all()
            return None

    def _give_up(self, why: str) -> None:
        """Forget what is waiting and be quiet for a while. Whoever calls holds the lock."""
        self._waiting.clear()
        self._sending.clear()
        self._quiet_until = time.monotonic() + QUIET_SECONDS
        if not self._is_down:
            self._is_down = True
            _log.warning("The OpenLineage endpoint %s %s; the work goes on without it", self._endpoint.shown, why)
        self._changed.notify_all()

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._endpoint.is_tls else http.client.HTTPConnection
        return kind(self._endpoint.host, self._endpoint.port, timeout=TIMEOUT_SECONDS)

    def _post(self, connection: http.client.HTTPConnection, event: Event) -> None:
        headers = {"Content-Type": "application/json"}
        if self._endpoint.key:
            headers["Authorization"] = f"Bearer {self._endpoint.key}"
        connection.request("POST", self._endpoint.target, json.dumps(event).encode(), headers)
        answer = connection.getresponse()
        answer.read()
        if not 200 <= answer.status < 300:
            raise _Refused(f"answered {answer.status}")


class _Refused(Exception):
    """The endpoint answered, and did not take an event."""
