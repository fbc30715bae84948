"""What a dialect is given (a request) and what it gives: the events it found, or an answer that needs no event."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import msgspec

from ingestion.collector.messages import Unreadable, read


class Request(msgspec.Struct, frozen=True, gc=False):
    """A request that was read whole: the body as it was before the client compressed it, header names in lower case.

    `parameters` are the parts of the path that the route names; `query` is what follows the question mark.
    """

    method: str
    path: str
    body: bytes
    headers: Mapping[bytes, bytes] = {}
    parameters: Mapping[str, str] = {}
    query: bytes = b""

    @property
    def content_type(self) -> bytes:
        """The client's own word for what the body is; many are wrong."""
        return self.headers.get(b"content-type", b"")


class Item(NamedTuple):
    """One event of a body: its bytes, their value (None where they have none), and why they cannot be an event."""

    raw: bytes
    value: Any
    fault: Unreadable | None = None

    @classmethod
    def of(cls, raw: bytes) -> Self:
        """The event that these bytes alone are."""
        try:
            return cls(raw, read(raw))
        except Unreadable as error:
            return cls(raw, None, error)


@dataclass(frozen=True, slots=True)
class Found:
    """What a body holds. `type` is what the address says; `context` and `sent_at` apply to every event of a batch."""

    items: list[Item]
    is_batch: bool = False
    type: str | None = None
    context: Any = None
    sent_at: Any = None
    write_key: str | None = field(default=None, repr=False)

    @property
    def count(self) -> int:
        """How many events there are."""
        return len(self.items)


@dataclass(slots=True)  # a frozen one takes three times as long to make
class Unread:
    """The same as bytes that nobody has read yet; `body` is what all of them stand in."""

    raws: list[bytes]
    body: bytes
    is_batch: bool = False
    type: str | None = None
    sent_at: str | None = None
    write_key: str | None = field(default=None, repr=False)

    @property
    def count(self) -> int:
        """How many events there are."""
        return len(self.raws)


@dataclass(frozen=True, slots=True)
class Document:
    """The JSON that answers a request without events, once the key that came with it (if any) is known to be valid."""

    body: bytes
    write_key: str | None = field(default=None, repr=False)


Reader = Callable[[Request], Found | Document]
QuickReader = Callable[[Request], Unread | None]


@dataclass(frozen=True, slots=True)
class Route:
    """What happens to a request at an address: who reads it, and whether events come with it.

    An address that takes no events is answered even while nothing can be written, and its URL may hold a write key
    where the dialect puts one there.

    `quick` finds the same events without reading them; None where it cannot tell.
    """

    reader: Reader
    takes_events: bool = True
    quick: QuickReader | None = None
