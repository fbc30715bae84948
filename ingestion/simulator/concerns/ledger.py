"""Lines of the ledger, whatever they are about."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ingestion.simulator.columns import Ints
from ingestion.simulator.concerns.base import CENTS, Batch, Fact, Table, Values, money

FOR_OTHERS = ("bookings", "pledges")  # streams in which buyers pay for what others sell


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
    # What others sell is not the platform's own.
    is_gross = np.array(kinds, dtype=object) == "gross"
    is_own = np.isin(np.array(kinds, dtype=object), ("commission", "fee")) | (is_gross & (stream not in FOR_OTHERS))
    facts = (
        Fact("revenue_lines_amount", amount, by, CENTS),
        Fact("earned_amount", amount * is_own, {"revenue_stream": streams}, CENTS),
        Fact("sold_for_others_amount", amount * (is_gross & (stream in FOR_OTHERS)), scale=CENTS),
    )
    return Batch("revenue_recorded", at, table, person=person, facts=(*facts, *more))
