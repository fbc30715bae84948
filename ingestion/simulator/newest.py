"""Sending the newest events the way a platform does: with a client library, to a running collector."""

from typing import Any

from almanac.errors import AlmanacError
from almanac.progress import progress
from almanac.settings import Settings
from ingestion.simulator.messages import Sent
from ingestion.simulator.run import Simulation, mark_sent

BATCH = 100  # messages a request; also the library's own default
RETRIES = 4


def send_newest(settings: Settings, simulation: Simulation, collector: str, write_key: str) -> int:
    """Send `simulation.newest` to the collector at URL `collector` with the Segment client library; return how many.

    Every event keeps its message id and its time, so sending again after a failure doubles nothing. Raises AlmanacError
    if the collector refuses or cannot be reached; the simulation then still holds the events.
    """
    # Imported here: a simulation without a collector does not need the library.
    from segment.analytics.client import Client

    failed: list[Exception] = []
    client = Client(
        write_key,
        host=collector,
        gzip=True,
        max_retries=RETRIES,
        upload_size=BATCH,
        upload_interval=0.05,
        timeout=15,
        on_error=lambda error, batch: failed.append(error),
    )
    try:
        with progress(f"Sending {simulation.tenant}", len(simulation.newest), "events") as said:
            for start in range(0, len(simulation.newest), BATCH):
                for sent in simulation.newest[start : start + BATCH]:
                    _send(client, sent)
                client.flush()
                if failed:
                    raise AlmanacError(f"the collector at {collector} did not take the events: {failed[0]}")
                said.advance(min(BATCH, len(simulation.newest) - start))
    finally:
        client.join()
    mark_sent(settings, simulation)
    return len(simulation.newest)


def _send(client: Any, sent: Sent) -> None:
    """Call the method of the library that the message's type names."""
    message = sent.message
    common = {
        "user_id": message.get("userId"),
        "anonymous_id": message.get("anonymousId"),
        "context": dict(message["context"]),  # the library writes its own name into it
        "timestamp": sent.at,
        "message_id": message["messageId"],
    }
    kind = message["type"]
    if kind == "identify":
        client.identify(traits=message["traits"], **common)
    elif kind == "group":
        client.group(group_id=message["groupId"], traits=message["traits"], **common)
    elif kind in ("page", "screen"):
        getattr(client, kind)(name=message["name"], properties=message["properties"], **common)
    else:
        client.track(event=message["event"], properties=message["properties"], **common)
