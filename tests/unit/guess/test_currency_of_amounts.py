"""An amount beside which another currency stands is never booked as the tenant's."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from almanac.settings import Settings
from ingestion.lake import Lake
from ingestion.sources.column_types import column_type
from ingestion.sources.file_source import FileSource
from ingestion.sources.mapping import FOLDER
from ingestion.sources.problems import FileProblem
from tests.guessed import Ingest, written

HEADER = "order_id,created,customer,amount\n"
Take = Callable[..., list[Decimal]]


@pytest.fixture
def take(root: Path, tmp_path: Path) -> Take:
    """Lands amounts by a mapping of this currency and returns what is in the lake."""

    def run(kept_in: str, *amounts: str, **properties: str) -> list[Decimal]:
        mapping = {
            "source": "shop",
            "tenant": "shop",
            "time_zone": "UTC",
            "currency": kept_in,
            "delimiter": ";",
            "columns": {"id": "string", "at": "timestamp", "amount": {"type": "money", "decimal": "."}},
            "event": "'booking_confirmed'",
            "event_at": '"at"',
            "properties": {"booking_id": "id", "amount": "amount", **properties},
        }
        (root / FOLDER).mkdir(parents=True, exist_ok=True)
        (root / FOLDER / "shop.yml").write_text(yaml.safe_dump(mapping))
        (root / "ingestion" / "tracking_plan" / "tenants" / "shop.yml").write_text(
            "tenant: shop\ntitle: Shop\nbusiness: A shop\n"
            f"time_zone: UTC\ncurrency: {kept_in}\nsources: {{shop: {{}}}}\n"
        )
        lines = "".join(f"{n};2026-03-14;{amount}\n" for n, amount in enumerate(amounts))
        (tmp_path / "shop.csv").write_text(f"id;at;amount\n{lines}")
        settings = Settings.for_home(tmp_path / "home", root)
        with FileSource.open(settings, "shop") as source:
            source.ingest_file(tmp_path / "shop.csv")
        lake = Lake.open(settings)
        return [row["amount"] for entry in lake.entries("events") for row in lake.read(entry).to_pylist()]

    return run


@pytest.mark.parametrize(
    ("currency", "amount"),
    [
        ("USD", "$10.50"),
        ("USD", "USD 10.50"),
        ("USD", "$10.50 USD"),
        ("SGD", "$10.50"),
        ("AUD", "-$10.50"),
        ("JPY", "¥10.50"),
        ("CNY", "\uffe510.50"),
        ("EUR", "10.50 €"),
        ("CHF", "CHF 10.50"),
        ("XOF", "10.50"),
    ],
)
def test_the_own_sign_and_code_may_stand_beside_an_amount(take: Take, currency: str, amount: str) -> None:
    assert [abs(found) for found in take(currency, amount)] == [Decimal("10.50")]


@pytest.mark.parametrize(
    ("currency", "amount", "named"),
    [
        ("USD", "€20.00", "in EUR"),
        ("USD", "20.00 GBP", "in GBP"),
        ("USD", "JPY 2000", "in JPY"),
        ("USD", "-€1,000.50", "in EUR"),
        ("USD", "$20.00 CAD", "in CAD"),
        ("EUR", "$20.00", "in USD or another currency that is written $"),
        ("USD", "20 PCS", "in 'PCS', which is no currency"),
    ],
)
def test_another_currency_is_refused_with_its_line_and_column(
    take: Take, tmp_path: Path, currency: str, amount: str, named: str
) -> None:
    with pytest.raises(FileProblem) as raised:
        take(currency, "10.50", amount, amount)
    assert (raised.value.line, raised.value.column, raised.value.code) == (3, "amount", "source_parse_error")
    words = f"is {named}, but amounts of this source are in {currency} (and 1 more in this column): convert it first"
    assert words in str(raised.value)
    assert not Lake.open(Settings.for_home(tmp_path / "home")).entries("events")


def test_amounts_whose_event_says_its_currency_may_be_in_any(take: Take) -> None:
    assert take("USD", "€20.00", currency="'EUR'") == [Decimal(20)]


@pytest.mark.parametrize(
    ("kind", "decimal", "value", "words"),
    [
        ("money", None, "123456789012345678", "is too large: at most 14 digits"),
        ("money", ".", "$123,456,789,012,345", "is too large: at most 14 digits"),
        ("money", None, "00000000000001.00001", "at most 4 decimals"),
        ("money", None, "1e30", "at most 4 decimals"),
        ("integer", None, "99999999999999999999", "is too large: at most 18 digits"),
        ("integer", None, "1.5", "is not an integer"),
    ],
)
def test_a_number_that_is_too_large_is_called_so(kind: str, decimal: str | None, value: str, words: str) -> None:
    assert words in column_type(kind, None, decimal, "USD").misfit(value)[0]


def orders(*amounts: str) -> str:
    return HEADER + "".join(f"A{n},2026-03-14,c1,{amount}\n" for n, amount in enumerate(amounts))


@pytest.mark.parametrize(
    ("amounts", "options", "words"),
    [
        (("USD 10", "EUR 12"), (), "my.csv, line 3, column amount: EUR stands beside its number, USD beside others"),
        (("€10.50", "9", "$11.5"), (), "my.csv, line 4, column amount: $ stands beside its number, € beside others"),
        (("$1", "AUD 2", "$3", "€4"), (), "my.csv, line 5, column amount: € stands beside its number, $, AUD beside"),
        (("10.50", "12 €"), ("--currency", "USD"), "my.csv, column amount: the file's amounts are in EUR, not in USD"),
        (("$9", "10 PCS", "12 PCS"), (), "my.csv, line 3, column amount: 'PCS' beside its number is no currency"),
    ],
)
def test_a_guess_refuses_amounts_in_several_currencies(
    ingest: Ingest, root: Path, amounts: tuple[str, ...], options: tuple[str, ...], words: str
) -> None:
    assert words in str(ingest(orders(*amounts), "--yes", *options).exception)
    assert written(root) == []


@pytest.mark.parametrize(
    ("amounts", "options", "currency"),
    [
        (("10", "12", "GBP 14"), (), "GBP"),
        (("10", "-GBP 14"), (), "GBP"),
        (("$10", "AUD 12"), (), "AUD"),
        (("$10", "$12"), (), "USD"),
        (("$10", "$12"), ("--currency", "CAD"), "CAD"),
        (("¥1000", "¥12"), ("--currency", "CNY"), "CNY"),
    ],
)
def test_what_stands_beside_one_amount_says_the_currency_of_all(
    ingest: Ingest, root: Path, amounts: tuple[str, ...], options: tuple[str, ...], currency: str
) -> None:
    result = ingest(orders(*amounts), "--yes", *options)
    assert result.exit_code == 0, (result.output, result.exception)
    assert f"currency: {currency}\n" in (root / FOLDER / "my.yml").read_text()


def test_a_column_of_several_currencies_is_refused_with_its_line(ingest: Ingest, root: Path) -> None:
    rows = "A1,2026-03-14,EUR,1\nA2,2026-03-14,EUR,2\nA3,2026-03-14,USD,3\n"
    words = "my.csv, line 4, column currency: is 'USD' where rows before have 'EUR': it names several currencies"
    assert words in str(ingest(HEADER.replace("customer", "currency") + rows, "--yes").exception)
    assert written(root) == []


def test_a_shared_sign_is_the_tenants_own_currency(ingest: Ingest, root: Path) -> None:
    assert ingest(orders("10"), "--yes", "--currency", "SGD").exit_code == 0
    assert ingest(orders("$10", "$12"), "--yes", name="more.csv").exit_code == 0
    assert "currency: SGD\n" in (root / FOLDER / "more.yml").read_text()
    other = ingest(orders("€10"), "--yes", name="other.csv")
    assert "keeps its amounts in SGD, the file has EUR" in str(other.exception)
