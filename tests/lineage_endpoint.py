"""An OpenLineage endpoint on loopback that keeps what it is sent, and the specification's rules for an event."""

import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from almanac.openlineage.endpoint import Endpoint
from almanac.settings import Settings

Event = dict[str, Any]
KEY = "a-key-that-nobody-may-see"
SCHEMA = re.compile(r"https://openlineage\.io/spec/facets/\d+-\d+-\d+/(\w+Facet)\.json#/\$defs/(\w+Facet)")


@dataclass
class Kept:
    """What came, and how the endpoint behaves."""

    events: list[Event] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)  # path and Authorization
    answer: int = 201
    is_silent: bool = False
    address: str = ""

    def told(self, settings: Settings) -> Settings:
        """The same settings, with this endpoint told of everything."""
        return replace(settings, openlineage=Endpoint.at(self.address, KEY, "almanac"))

    def of(self, job: str, state: str | None = None) -> list[Event]:
        """The events of a job."""
        return [e for e in self.events if e["job"]["name"] == job and state in (None, e["eventType"])]


@contextmanager
def endpoint() -> Iterator[Kept]:
    """Run one, at a port of its own."""
    kept, over = Kept(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            kept.requests.append((self.path, self.headers["Authorization"]))
            kept.events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if kept.is_silent:
                over.wait(30)
            self.send_response(kept.answer)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    kept.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield kept
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def assert_valid(event: Event) -> None:
    """What OpenLineage 2-0-2 requires of a RunEvent and of the facets that we use."""
    assert event["schemaURL"] == "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
    assert urlsplit(event["producer"]).scheme
    assert event["eventType"] in ("START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER")
    assert datetime.fromisoformat(event["eventTime"]).tzinfo is not None
    uuid.UUID(event["run"]["runId"])
    assert event["job"]["namespace"]
    assert event["job"]["name"]
    datasets = [*event["inputs"], *event["outputs"]]
    assert all(dataset["namespace"] and dataset["name"] for dataset in datasets)
    holders = [event["run"]["facets"], event["job"]["facets"], *(dataset["facets"] for dataset in datasets)]
    holders += [dataset.get("inputFacets", {}) for dataset in event["inputs"]]
    for name, facet in ((name, facet) for holder in holders for name, facet in holder.items()):
        assert urlsplit(facet["_producer"]).scheme, name
        match = SCHEMA.fullmatch(facet["_schemaURL"])
        assert match, name
        assert match[1] == match[2]
    if parent := event["run"]["facets"].get("parent"):
        uuid.UUID(parent["run"]["runId"])
        assert parent["job"]["namespace"]
        assert parent["job"]["name"]


def upstream(events: list[Event], dataset: tuple[str, str]) -> set[tuple[str, str]]:
    """Every dataset that this one was made from, as (namespace, name), through whatever jobs."""
    made_of: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for event in events:
        for out in event["outputs"]:
            made_of.setdefault(name(out), set()).update(name(one) for one in event["inputs"])
    found: set[tuple[str, str]] = set()
    waiting = [dataset]
    while waiting:
        for one in made_of.get(waiting.pop(), set()) - found:
            found.add(one)
            waiting.append(one)
    return found


def name(dataset: Event) -> tuple[str, str]:
    """Namespace and name."""
    return dataset["namespace"], dataset["name"]
