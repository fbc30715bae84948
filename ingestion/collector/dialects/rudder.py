"""RudderStack's libraries: they send as Segment's do; the one for browsers asks for its settings first."""

from urllib.parse import parse_qs

from ingestion.collector.dialects.interface import Document, Request, Route
from ingestion.collector.messages import write


def read_source_config(request: Request) -> Document:
    """The settings of a source: enabled, no destinations, no telemetry. A key may stand in the address."""
    query = parse_qs(request.query.decode("latin-1"), max_num_fields=100)
    key = next(iter(query.get("writeKey", ())), None)
    silent = {"errors": {"enabled": False}, "metrics": {"enabled": False}}
    source = {
        "id": "almanac",
        "name": "almanac",
        "enabled": True,
        "workspaceId": "almanac",
        "config": {"statsCollection": silent},
        "destinations": [],
        "connections": [],
        "dataplanes": {},
    }
    return Document(write({"source": source}), write_key=key)


ROUTES = {("GET", "/sourceConfig"): Route(read_source_config, takes_events=False)}
