"""Python's client libraries, each sending the same events; what they report comes back as text."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import posthog
import requests
import rudderstack.analytics.client as rudder
import segment.analytics.client as segment
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from tests.integration.clients.scenarios import Job

TRAITS = {"plan": "gold"}
BOOKING = {"booking_id": "b-1", "total": 12.5}

Identify = Callable[[dict[str, Any]], Any]
Track = Callable[[str, dict[str, Any]], Any]
# Where the libraries look at the clock.
_CLOCKS = (
    *("segment.analytics.client.datetime", "segment.analytics.request.datetime"),
    *("rudderstack.analytics.client.datetime", "rudderstack.analytics.request.datetime"),
    *("posthog.client.datetime", "posthog.request.datetime"),
)


def run(job: Job) -> list[str]:
    """Send a job's events; returns the errors that the library reported. Clocks are everybody's: skew runs alone."""
    if not job.skew:
        return _CLIENTS[job.client](job)
    wrong = _clock(timedelta(milliseconds=job.skew))
    patches = [patch(clock, wrong) for clock in _CLOCKS]
    for one in patches:
        one.start()
    try:
        return _CLIENTS[job.client](job)
    finally:
        for one in patches:
            one.stop()


def _clock(skew: timedelta) -> type[datetime]:
    class Fast(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Fast":
            return super().now(tz) + skew

    return Fast


def _everything(job: Job, identify: Identify, track: Track) -> None:
    if job.scenario == "unknown":
        track("Nobody Planned This", {"user": job.user})
        return
    identify(TRAITS)
    track("Booking Confirmed", BOOKING)
    track("Signed Up", {})
    for _ in range(job.count):
        track("Signed Up", {"text": "x" * job.size})


def _segment(job: Job) -> list[str]:
    errors: list[str] = []
    client = segment.Client(
        job.key,
        host=job.url,
        gzip=job.scenario == "gzip",
        upload_interval=0.1,
        on_error=lambda error, _: errors.append(str(error)),
    )
    _everything(job, lambda traits: client.identify(job.user, traits), lambda e, p: client.track(job.user, e, p))
    client.shutdown()
    return errors


def _rudder(job: Job) -> list[str]:
    errors: list[str] = []
    client = rudder.Client(
        job.key,
        host=job.url,
        gzip=job.scenario == "gzip",
        upload_interval=0.1,
        on_error=lambda error, _: errors.append(str(error)),
    )
    _everything(job, lambda traits: client.identify(job.user, traits), lambda e, p: client.track(job.user, e, p))
    client.flush()
    client.join()
    return errors


def _posthog(job: Job) -> list[str]:
    errors: list[str] = []
    client = posthog.Posthog(
        job.key, host=job.url, flush_interval=0.1, on_error=lambda error, _: errors.append(str(error))
    )
    _everything(
        job,
        lambda traits: client.set(distinct_id=job.user, properties=traits),
        lambda e, p: client.capture(e, distinct_id=job.user, properties=p),
    )
    client.shutdown()
    return errors


def _cloudevents(job: Job) -> list[str]:
    errors: list[str] = []
    ways = [to_binary_event, to_structured_event]

    def track(event: str, properties: dict[str, Any]) -> None:
        attributes = {"type": event, "source": "/shop", "subject": job.user, "id": f"{job.user} {event}"}
        message = ways[len(event) % 2](CloudEvent(attributes | {"specversion": "1.0"}, properties))
        headers = {**message.headers, "authorization": f"Bearer {job.key}"}
        answer = requests.post(f"{job.url}/cloudevents", data=message.body, headers=headers, timeout=30)
        if not answer.ok:
            errors.append(answer.json()["code"])

    _everything(job, lambda traits: None, track)
    return errors


_CLIENTS = {
    "segment-analytics-python": _segment,
    "rudder-sdk-python": _rudder,
    "posthog-python": _posthog,
    "cloudevents-python": _cloudevents,
}
