"""A percentile is rounded alike by both engines, also where it lies right between two values of the last decimal."""

import random
from contextlib import closing
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import duckdb
import jinja2
import psycopg2

from almanac.settings import ROOT

MACROS = ROOT / "dbt_project" / "macros" / "kpis" / "measures.sql"
GROUPS = 2_000


class Returned(Exception):
    """What a macro of dbt returns."""


def aggregate(measure: dict[str, Any]) -> str:
    """The SQL that the project's macro writes for a measure."""

    def give_back(value: str) -> None:
        raise Returned(value)

    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    environment.globals["return"] = give_back
    macros: Any = environment.from_string(MACROS.read_text(encoding="utf-8")).module
    try:
        macros.aggregate(measure)
    except Returned as returned:
        return str(returned)
    raise AssertionError("the macro returned nothing")


def test_both_engines_round_halves_of_the_last_decimal_up(postgres_dsn: str) -> None:
    drawn = random.Random(5)
    pairs = [sorted(Decimal(drawn.randrange(10**8)) / 10**4 for _ in range(2)) for _ in range(GROUPS)]
    expected = [(low + (high - low) * 3 / 4).quantize(Decimal("0.0001"), ROUND_HALF_UP) for low, high in pairs]
    value = aggregate({"agg": "percentile", "percentile": 0.75, "expr": "cast(v as double precision)"})
    rows = ", ".join(f"({number}, {v})" for number, pair in enumerate(pairs) for v in pair)
    sql = f"select cast({value} as decimal(28, 4)) from (values {rows}) as t(g, v) group by g order by g"
    with duckdb.connect() as con:
        assert [row[0] for row in con.execute(sql).fetchall()] == expected
    with closing(psycopg2.connect(postgres_dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        assert [row[0] for row in cursor.fetchall()] == expected
