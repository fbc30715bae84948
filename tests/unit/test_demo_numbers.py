"""The table that the demo ends with: what leadership looks at and somebody has, written as everywhere else."""

from pathlib import Path

import duckdb
import pytest

from almanac.errors import AlmanacError
from almanac.settings import Settings
from orchestration.demo_numbers import weekly_table
from tests.serving.published import publish


def change(settings: Settings, *statements: str) -> None:
    """Write into the published version, which nobody else reads."""
    (file,) = settings.versions.glob("*.duckdb")
    with duckdb.connect(str(file)) as con:
        for statement in statements:
            con.execute(statement)


def lines(settings: Settings) -> dict[str, list[str]]:
    """What the table says, by KPI."""
    table = weekly_table(settings).replace("\u00a0", "~").splitlines()
    kpis = [line.strip().rsplit(maxsplit=2) for line in table[2:]]
    return {title: values for title, *values in kpis}


def test_a_kpi_is_written_in_its_own_format(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    publish(settings)
    value = "update kpi_values set value = 2.5 where tenant = 'rentals' and kpi = "
    change(
        settings,
        *(value + f"'{kpi}'" for kpi in ("sessions", "take_rate", "gmv")),
        "update kpi_catalogue set unit = 'ratio', format = 'decimal' where kpi = 'sessions'",
    )
    table = lines(settings)
    assert table["Sessions"][1] == "2.50"
    assert table["Take rate"][1] == "250.0~%"
    assert table["GMV"][1] == "€2.50"
    assert table["GMV"][0].startswith("₹")


def test_a_kpi_without_any_value_is_left_out_and_one_of_a_single_tenant_is_not(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    publish(settings)
    nothing = "update kpi_values set value = null where kpi = "
    change(settings, nothing + "'searches'", nothing + "'bookings' and tenant = 'advisory'")
    table = lines(settings)
    assert "Searches" not in table
    assert table["Bookings"][0] == "-"
    assert table["Bookings"][1] != "-"


def test_what_leadership_does_not_look_at_is_counted_and_not_listed(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    publish(settings)
    before = weekly_table(settings)
    assert "Bookings" in before
    change(
        settings,
        "update kpi_values set kpi = 'clicks' where kpi = 'bookings'",
        "update kpi_catalogue set kpi = 'clicks', title = 'Clicks' where kpi = 'bookings'",
    )
    after = weekly_table(settings)
    assert "Clicks" not in after
    assert after.splitlines()[-1].strip() == "and 1 more: on the portal, or by `almanac kpis list`"


def test_before_anything_is_published_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(AlmanacError, match="almanac build"):
        weekly_table(Settings.for_home(tmp_path))
