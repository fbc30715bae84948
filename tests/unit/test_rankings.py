"""A ranking adds up the days of a range and loses nothing silently; what does not add up is refused."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from almanac.settings import Settings
from dashboards.specs import Ranking
from serving.app import create_app
from serving.catalogue import Kpi, Tenant
from serving.ranges import Extent, Span
from serving.rankings import RankingView, ranked, ranking_view
from serving.series import CardError
from serving.values import Value, Values
from tests.serving.published import publish

FIRST = date(2026, 3, 1)
SPAN = Span(FIRST, FIRST + timedelta(days=6))
COUNT = Kpi("k", "Bookings", "", "", "count", "integer", True, "", "", "", True, ("day",), ("city",), None, "", ())
RATE = replace(COUNT, denominator_label="Sessions", unit="ratio", format="percent")
TENANT = Tenant("a", "A", "", "UTC", "EUR", Extent(FIRST, SPAN.last, SPAN.last))


def card(**more: Any) -> Ranking:
    fixed = {"id": "cities", "title": "Cities", "kpi": "k", "dimension": "city", "type": "ranking"}
    place = {"position": {"row": 0, "column": 0}, "size": {"width": 8, "height": 4}}
    return Ranking.model_validate(fixed | place | more)


def values(*rows: tuple[str, int, int]) -> Values:
    """Rows of (city, day after the first one, number), of which the last day is not complete."""
    found = [Value(FIRST + timedelta(days=d), city, Decimal(n), Decimal(1), float(n), d < 6) for city, d, n in rows]
    return Values({("k", "day", "city"): found})


def shown(rows: Values, kpi: Kpi = COUNT, **more: Any) -> RankingView:
    return ranking_view(card(**more), kpi, rows, TENANT, SPAN)


def test_days_add_up_and_the_largest_is_first() -> None:
    view = shown(
        values(("Bonn", 0, 1), ("Ulm", 0, 1), ("Berlin", 0, 2), ("Berlin", 6, 4), ("all", 0, 99), ("Rome", 9, 9))
    )
    assert [(line.name, line.text, line.width, line.share) for line in view.lines] == [
        ("Berlin", "6", 100.0, "75.0\u00a0%"),
        ("Bonn", "1", 16.67, "12.5\u00a0%"),
        ("Ulm", "1", 16.67, "12.5\u00a0%"),
    ]
    assert (view.subject, view.has_shares, view.note) == ("City", True, "")


def test_in_the_order_of_names_and_no_more_than_the_limit() -> None:
    view = shown(values(("02", 0, 5), ("10", 0, 1), ("00", 0, 3)), order="name", limit=2)
    assert [line.name for line in view.lines] == ["00", "02"]
    assert view.note == "2 of 3 are shown."
    assert [line.share for line in view.lines] == ["33.3\u00a0%", "55.6\u00a0%"], "shares are of all, shown or not"


def test_a_rate_and_what_can_be_negative_have_no_shares() -> None:
    rate = Values({("k", "day", "city"): [
        Value(FIRST, "Bonn", Decimal(1), Decimal(4), 0.25, True),
        Value(FIRST + timedelta(days=1), "Bonn", Decimal(2), Decimal(2), 1.0, True),
        Value(FIRST, "Ulm", None, Decimal(2), None, True),
    ]})  # fmt: skip
    view = shown(rate, RATE)
    assert [(line.name, line.exact, line.share) for line in view.lines] == [("Bonn", "50.0\u00a0%", "")]
    assert not shown(values(("Bonn", 0, -1), ("Ulm", 0, 3))).has_shares


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 6), st.integers(0, 1000)), max_size=30))
def test_nothing_is_lost(rows: list[tuple[str, int, int]]) -> None:
    found = ranked(card(), COUNT, values(*rows), SPAN)
    assert sum((one.parts.numerator or 0 for one in found), Decimal(0)) == sum(n for _, _, n in rows)
    numbers = [one.parts.numerator or 0 for one in found]
    assert numbers == sorted(numbers, reverse=True)
    assert {one.name for one in found if not one.is_complete} == {name for name, day, _ in rows if day == 6}


@pytest.mark.parametrize(
    ("kpi", "more", "said"),
    [
        (COUNT, {"dimension": "weather"}, "does not declare the dimension weather"),
        (replace(COUNT, is_additive=False), {}, "does not add up"),
        (replace(COUNT, time_grains=("month",)), {}, "does not add up"),
    ],
)
def test_what_cannot_be_added_up_is_refused(kpi: Kpi, more: dict[str, str], said: str) -> None:
    with pytest.raises(CardError, match=said):
        shown(values(("Bonn", 0, 1)), kpi, **more)


def test_the_page_and_the_csv_show_the_same_list(tmp_path: Path) -> None:
    folder = tmp_path / "root" / "dashboards" / "specs"
    folder.mkdir(parents=True)
    place = "position: {{row: {3}, column: 0}}, size: {{width: 12, height: 3}}"
    line = f"{{{{id: {{0}}, type: ranking, title: T, kpi: {{1}}, dimension: {{2}}, {place}}}}}"
    cards = [line.format("channels", "sessions", "channel", 0), line.format("people", "active_users", "channel", 3)]
    (folder / "one.yml").write_text(f"title: One\ndescription: x\ncards: [{', '.join(cards)}]\n", encoding="utf-8")
    settings = Settings.for_home(tmp_path / "home", root=tmp_path / "root")
    published = publish(settings)
    with TestClient(create_app(settings)) as client:
        page = client.get("/dashboards/one?tenant=rentals&range=all").text
        assert 'class="ranking"' in page
        assert "Active users of single days does not add up to a range" in page
        rows = client.get("/dashboards/one/cards/channels.csv?tenant=rentals&range=all").text.splitlines()[1:]
        assert rows
        assert all(row.split(",")[3] == "total" and row.split(",")[6] == "channel" for row in rows)
        for row in rows:
            assert f'title="{row.split(",")[7]}"' in page
        empty = client.get("/dashboards/one?tenant=rentals&range=custom&from=2025-01-01&to=2025-01-07").text
        assert "No sessions between 1 and" in empty
        assert 'class="ranking"' not in empty
        assert "</a></p></div>" in empty, "other days may have some"
    with duckdb.connect(str(published.path)) as con:
        con.execute(
            "update kpi_values set dimension_value = 'unknown'"
            " where dimension = 'channel' and period_start > '2026-11-01'"
        )
    with TestClient(create_app(settings)) as client:
        untold = client.get("/dashboards/one?tenant=rentals&range=7d").text.replace("\u00a0", " ")
        assert "<p>Nobody told the channel of sessions between 14 and 20 Nov 2026.</p><p><a" in untold, (
            "others say more"
        )
