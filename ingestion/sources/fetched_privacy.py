"""What of fetched rows may be stored: rows about suppressed people are dropped, personal data is masked by policy.

The same rules as for events, between what a database or API gives and the lake: credentials are taken out and network
addresses cut as at the door of the collector, wherever in a row they stand, also in JSON within a text. A table has no
contract in the tracking plan, so its description says which columns name people and which hold personal data that is
meant to be there.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.collector.messages import KEY_MARK, without_keys
from ingestion.lake_tables import TableRow
from ingestion.privacy.cleaning import NAMES, clean
from ingestion.privacy.masking import suspicious
from ingestion.privacy.suppression import SuppressedPeople, Suppression
from ingestion.sources.fetched_rows import json_of
from ingestion.sources.fetched_source import FetchedTable, fetched_names, load_fetched
from ingestion.sources.json_texts import MAY_BE_JSON, RowMasker, clean_texts
from ingestion.tracking_plan import Plan

# The columns that name who a row of a table is about, by its source and its name.
PeopleColumns = Callable[[str, str], Collection[str]]

# Columns that are looked at where a description names none.
USUAL_PEOPLE = ("user_id", "anonymous_id", "email")

# Where in a row's JSON text something may have to be taken out or cut.
_TO_CLEAN = "|".join([KEY_MARK.decode(), *(re.escape(f'"{name}":') for name in sorted(NAMES))])

_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass
class Screened:
    """Rows as they may be stored, how many of them were changed for it; how many were dropped, and their keyed hash."""

    rows: list[TableRow] = field(default_factory=list)
    masked: int = 0
    suppressed: int = 0
    seal: str = ""


def people_columns(root: Path, plan: Plan) -> PeopleColumns:
    """The columns by which the rows of fetched tables are recognised: those of their descriptions, else the usual ones.

    Raises AlmanacError for a description that cannot be read: whom its tables name is then not known.
    """
    told = {
        (name, table): described.people
        for name in fetched_names(root)
        for table, described in load_fetched(root, name, plan).tables.items()
        if described.people is not None
    }
    return lambda source, table: told.get((source, table), USUAL_PEOPLE)


class Screen:
    """Screens the rows of one table by the rules of its tenant as they are now."""

    def __init__(self, plan: Plan, tenant: str, table: FetchedTable, suppression: Suppression) -> None:
        self._masker = RowMasker(plan, tenant)
        self._people: SuppressedPeople | None = suppression.of(tenant)
        self._who = USUAL_PEOPLE if table.people is None else table.people
        self._kept = frozenset({*table.key, *(table.people or ()), *([table.cursor] if table.cursor else [])})
        self._personal = frozenset(table.personal)

    def screen(self, rows: Sequence[TableRow]) -> Screened:
        """These rows, in their order. Rows in which nothing can be found are not even read."""
        found = Screened()
        dropped: list[bytes] = []
        texts = pa.array([row.data for row in rows], pa.string())
        # Names and numbers that stand in JSON within a text are written otherwise: there every row is looked through.
        opaque = set(pc.indices_nonzero(pc.match_substring_regex(texts, MAY_BE_JSON)).to_pylist())
        suspects = opaque.union(pc.indices_nonzero(suspicious(texts)).to_pylist())
        unclean = opaque.union(pc.indices_nonzero(pc.match_substring_regex(texts, _TO_CLEAN)).to_pylist())
        for place, row in enumerate(rows):
            if place not in suspects and place not in unclean and self._people is None:
                found.rows.append(row)
                continue
            values = _decode(row.data)
            if self._people is not None and any(values.get(column) in self._people for column in self._who):
                dropped.append(row.digest)
                continue
            cleaned = self._cleaned(values) if place in unclean else None
            values = values if cleaned is None else cleaned
            masked = self._masker.mask_row(values, self._kept, self._personal) if place in suspects else None
            is_changed = cleaned is not None or masked is not None
            found.masked += is_changed
            found.rows.append(replace(row, data=json_of(masked or values)) if is_changed else row)
        if self._people is not None and dropped:
            found.suppressed, found.seal = len(dropped), self._people.seal(b"".join(dropped))
        return found

    def _cleaned(self, values: dict[str, Any]) -> dict[str, Any] | None:
        """A row without credentials and whole addresses but in the columns that are kept; None if there are none."""
        others = {column: value for column, value in values.items() if column not in self._kept}
        before = json_of(others).encode()
        clean_texts(others)
        clean(others, deep=True)
        after = without_keys(json_of(others).encode())
        return None if after == before else _decode(after) | {c: v for c, v in values.items() if c in self._kept}
