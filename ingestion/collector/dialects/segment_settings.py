"""`GET /v1/projects/<write key>/settings`: what Segment's browser library asks for before it sends anything."""

from typing import Any

from ingestion.collector.dialects.interface import Document, Request, Route
from ingestion.collector.messages import write


def read_settings(request: Request) -> Document:
    """The settings of a source: no destinations but this collector, every event wanted, no telemetry to others.

    The key stands in the path because the library puts it there; it can only write and lies in every page's source.
    """
    key = request.parameters["key"]
    enabled = {"__default": {"enabled": True, "integrations": {}}}
    collector: dict[str, Any] = {
        "apiKey": key,
        "unbundledIntegrations": [],
        "addBundledMetadata": False,
        "maybeBundledConfigIds": {},
        "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
        **_address(request),
    }
    document = {
        "integrations": {"Segment.io": collector},
        "plan": {"track": enabled, "identify": enabled, "group": enabled},
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": False,
        "remotePlugins": [],
    }
    return Document(write(document), write_key=key)


def _address(request: Request) -> dict[str, str]:
    """Where events go: to where the settings came from, and not to the library's default."""
    host = request.headers.get(b"host", b"").decode("latin-1")
    if not host:
        return {}
    scheme = request.headers.get(b"x-forwarded-proto", b"http").partition(b",")[0].strip().lower()
    return {"apiHost": f"{host}/v1", "protocol": "https" if scheme == b"https" else "http"}


ROUTES = {("GET", "/v1/projects/{key}/settings"): Route(read_settings, takes_events=False)}
