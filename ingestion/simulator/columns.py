"""Columns of events and deliveries as numpy arrays, and the random streams that fill them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Self, TypeVar
from zlib import crc32

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

NONE = -1  # in integer columns: there is none
SECOND = 1_000  # all times are epoch milliseconds, UTC
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Kind(IntEnum):
    """What an event is; the order is that of nothing."""

    PAGE = 0
    SEARCH = 1
    LISTING = 2
    IDENTIFY = 3
    SIGNUP = 4
    BOOKING = 5
    CANCEL = 6


class Fault(IntEnum):
    """What is wrong with an event that the door must refuse."""

    NONE = 0
    UNKNOWN_EVENT = 1
    MISSING = 2
    WRONG_TYPE = 3


T = TypeVar("T", bound="Columns")


@dataclass(frozen=True)
class Columns:
    """A table: arrays of one length, one a field."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def take(self, rows: npt.NDArray[Any]) -> Self:
        """The rows at these positions, or where the mask holds, in that order."""
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """All parts below each other; at least one is needed, for the types."""
        return cls(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)})


@dataclass(frozen=True)
class Events(Columns):
    """Events that happened, each once and well formed, in the order of planning."""

    visit: Ints  # number of the planted session
    person: Ints
    device: Ints
    kind: Ints
    at: Ints  # when it happened, by the tenant's true clock
    known: Bools  # carries the user id
    anonymous: Bools  # carries the device's anonymous id
    campaign: Ints  # index of the campaign in this event's context, or NONE
    listing: Ints  # index of the listing, or NONE
    query: Ints  # index of the query, or NONE
    count: Ints  # results of a search, units of a booking, else NONE
    amount: Ints  # minor units; 0 where there is no money
    commission: Ints
    booking: Ints  # number of the booking, or NONE
    high: Words  # the message id's two halves
    low: Words


@dataclass(frozen=True)
class Deliveries(Columns):
    """What reaches the door, in no particular order: each event at least once."""

    event: Ints  # position in Events; of a refused one: the good event it resembles
    received: Ints
    skew: Ints  # how far the sender's clock is off, milliseconds
    lag: Ints  # from sending to receiving, milliseconds, by the true clock
    fault: Ints  # a Fault
    copy: Bools  # a retried copy
    altered: Bools  # a copy with other content
    high: Words
    low: Words

    @classmethod
    def none(cls) -> "Deliveries":
        """No deliveries at all."""
        ints, bools, words = np.zeros(0, np.int64), np.zeros(0, np.bool_), np.zeros(0, np.uint64)
        return cls(ints, ints, ints, ints, ints, bools, bools, words, words)


def stream(seed: int, tenant: str, purpose: str, day: int = 0) -> np.random.Generator:
    """The random stream for one purpose of one tenant on one day (ordinal); independent of every other one."""
    return np.random.default_rng([seed, crc32(f"{tenant}/{purpose}".encode()), day])


def message_ids(rng: np.random.Generator, count: int) -> tuple[Words, Words]:
    """Random version 4 UUIDs as two halves."""
    halves = rng.integers(0, 2**64, size=(2, count), dtype=np.uint64)
    high = (halves[0] & np.uint64(0xFFFFFFFFFFFF0FFF)) | np.uint64(0x4000)
    low = (halves[1] & np.uint64(0x3FFFFFFFFFFFFFFF)) | np.uint64(0x8000000000000000)
    return high, low


def uuid_texts(high: Words, low: Words) -> list[str]:
    """Halves to UUID texts."""
    raw = np.column_stack((high, low)).astype(">u8").tobytes().hex()
    return [
        f"{raw[i : i + 8]}-{raw[i + 8 : i + 12]}-{raw[i + 12 : i + 16]}-{raw[i + 16 : i + 20]}-{raw[i + 20 : i + 32]}"
        for i in range(0, len(raw), 32)
    ]
