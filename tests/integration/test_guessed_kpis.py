"""A file without a mapping, of two very different shapes, becomes KPIs of the tenant `mine`."""

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.settings import Settings
from ingestion.sources.cli import COMMANDS
from tests.replay.project import copy_project

SMALL = "order_id;ordered_on;total\n1;2026-03-01;10,50\n2;2026-03-01;4,25\n3;2026-03-08;100,00\n"


def test_two_kpis_of_every_file_appear_under_mine(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = copy_project(tmp_path / "root")
    settings = Settings.for_home(tmp_path / "home", root)
    monkeypatch.setenv("ALMANAC_ROOT", str(root))
    monkeypatch.setenv("ALMANAC_HOME", str(settings.home))
    small = tmp_path / "small.csv"
    small.write_text(SMALL)
    for path in (
        data_folder / "sakila_rental" / "payment.csv.gz",  # one row is one payment
        data_folder / "online_retail" / "by-day" / "2010-12-01.csv.gz",  # one row is one line of an invoice
        small,
    ):
        result = CliRunner().invoke(COMMANDS["ingest"], [str(path), "--yes"])
        assert result.exit_code == 0, (result.output, result.exception)
    built = run_build(settings, runner=WarmDbt())
    assert built.succeeded, [(node.name, node.message) for node in built.failed]
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        kpis = con.execute(
            "select kpi, sum(numerator) filter (where period_start < date '2010-01-01'), "
            "sum(numerator) filter (where period_start = date '2010-12-01'), "
            "sum(numerator) filter (where period_start >= date '2026-01-01') "
            "from kpis.kpi_values where tenant = 'mine' and kpi in ('gmv', 'bookings') and dimension = 'all' "
            "and time_grain = 'month' group by kpi order by kpi"
        ).fetchall()
    # 16,049 payments; the first day of the shop, net of what six invoices cancelled; the three rows above.
    assert kpis[0] == ("bookings", 16_049, 137, 3)
    assert kpis[1] == ("gmv", Decimal("67416.51"), Decimal("58635.56"), Decimal("114.75"))
