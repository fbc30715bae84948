"""The comparison that the benchmark of builds rests on: whole and in parts it must see every row that differs."""

from pathlib import Path

import duckdb
import pytest

from benchmarks import compare

ROWS = "select 'a' as tenant, case when n % 7 > 0 then md5(n::varchar)::uuid end as message_id, n as place"
OTHERS = "select tenant, message_id::varchar as message_id, place::bigint as place from ({}) as rows"


def _written(folder: Path, by_hand: str) -> tuple[Path, Path]:
    built, hand = folder / "built.duckdb", folder / "hand.duckdb"
    rows = f"{ROWS} from range(100) as r(n)"
    with duckdb.connect(str(built)) as con:
        con.execute(f"create schema marts; create schema kpis; create table marts.fact as {rows}")
    with duckdb.connect(str(hand)) as con:
        con.execute(f"create table fact as {OTHERS.format(rows)} {by_hand}")
    return built, hand


@pytest.mark.parametrize("at_once", [1000, 9])
@pytest.mark.parametrize(
    ("by_hand", "expected"),
    [
        ("", {}),
        ("where place <> 14", {"fact": (0, 1)}),
        ("union all select 'a', null, 7", {"fact": (1, 0)}),
        ("where place <> 3 union all select 'a', uuid()::varchar, 3", {"fact": (1, 1)}),
    ],
)
def test_a_table_is_compared_row_by_row(
    by_hand: str, expected: object, at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids of another type and rows without one are in the same part; one more, less or other row shows."""
    monkeypatch.setattr(compare, "AT_ONCE", at_once)
    assert compare.differences(*_written(tmp_path, by_hand)) == (1, expected)
