"""Several calls to a store at the same time, where each one has to travel."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ingestion.lake_store import Store

A = TypeVar("A")
B = TypeVar("B")


def at_once(store: Store, call: Callable[[A], B], arguments: Sequence[A]) -> list[B]:
    """The results of `call`, in order; several calls at the same time where the store is better asked so."""
    if store.parallel == 1 or len(arguments) < 2:
        return [call(argument) for argument in arguments]
    with ThreadPoolExecutor(min(store.parallel, len(arguments))) as pool:
        return list(pool.map(call, arguments))
