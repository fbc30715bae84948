"""Lines of the ledger, whatever they are about."""

from collections.abc import Mapping
from typing import Any

from ingestion.simulator.columns import Ints
from ingestion.simulator.concerns.base import CENTS, Batch, Fact, Table, Values, money


def revenue_lines(
    at: Ints,
    ids: list[str],
    kinds: Any,
    amount: Ints,
    stream: str,
    person: Ints,
    about: Mapping[str, Values],
    *more: Fact,
) -> Batch:
    """One line for each row: `kinds` are line types, amounts minor units, `about` what each line is about."""
    streams = [stream] * len(at)
    table: Table = {"line_id": ids, "line_type": kinds, "amount": money(amount), "revenue_stream": streams, **about}
    by = {"line_type": kinds, "stream": streams}
    return Batch(
        "revenue_recorded", at, table, person=person, facts=(Fact("revenue_lines_amount", amount, by, CENTS), *more)
    )
