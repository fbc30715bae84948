"""National phone numbers: found as their country writes them, and nothing else is taken for one in any country."""

from datetime import date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.privacy.patterns import mask
from ingestion.privacy.phones import _COUNTRIES, country_of
from ingestion.tracking_plan import load_plan

PHONE = frozenset({"phone"})
ALL = sorted(_COUNTRIES)
NUMBERS = {
    "AT": ["01 5123456", "(01) 512 34 56", "0316 872 1234", "0664 1234567", "0664/123 45 67"],
    "BE": ["02 123 45 67", "0470 12 34 56", "02/123.45.67"],
    "CH": ["044 668 18 00", "079 123 45 67"],
    "DE": ["030 1234567", "(030) 1234567", "030/1234567", "0711 / 12 34 56", "0151 23456789", "0171 234 56-78",
           "0221\u00a0123456", "040 1234-567"],
    "ES": ["612 34 56 78", "912 34 56 78"],
    "FR": ["01 23 45 67 89", "06.12.34.56.78"],
    "GB": ["020 7946 0958", "(020) 7946 0958", "0121 496 0123", "01632 960123", "07700 900123", "07700 900 123"],
    "IE": ["01 234 5678", "(087) 123 4567"],
    "IN": ["98765 43210", "0 98765 43210", "022 27541234", "011 2345 6789"],
    "IT": ["06 12345678", "347 123 4567", "347 1234567"],
    "NL": ["06-12345678", "06 12 34 56 78", "020 123 4567", "0341 123456"],
}  # fmt: skip
CALLED = {
    "DE": "015123456789", "AT": "06641234567", "BE": "0470123456", "CH": "0791234567", "ES": "612345678",
    "FR": "0612345678", "GB": "07700900123", "IE": "0871234567", "IN": "9876543210", "IT": "3471234567",
    "NL": "0612345678",
}  # fmt: skip


def untouched(text: str, key: str = "") -> None:
    for country in ALL:
        assert mask(text, PHONE, key, country) == (text, ()), country


@pytest.mark.parametrize(("country", "number"), [(c, number) for c, numbers in NUMBERS.items() for number in numbers])
@pytest.mark.parametrize("around", ["{}", "please ring {}.", "({})", "it is {}, thanks", "Tel.: {}", "a\n{}\nb"])
def test_a_grouped_number_is_masked_where_it_is_written(country: str, number: str, around: str) -> None:
    text, found = mask(around.format(number), PHONE, "note", country)
    assert (text.replace("(", "").replace(")", ""), found) == (
        around.format("[phone]").replace("(", "").replace(")", ""),
        ("phone",),
    )


def test_every_country_has_examples() -> None:
    assert set(NUMBERS) == set(CALLED) == set(ALL)


@pytest.mark.parametrize(("country", "number"), CALLED.items())
def test_bare_digits_are_a_number_only_after_a_word_that_says_so(country: str, number: str) -> None:
    assert mask(number, PHONE, "", country) == (number, ())
    assert mask(f"room {number}", PHONE, "", country) == (f"room {number}", ())
    for word in ("tel ", "Tel.: ", "Call me at ", "WhatsApp: ", "phone no. ", "mobile "):
        assert mask(f"x {word}{number}, y", PHONE, "", country) == (f"x {word}[phone], y", ("phone",))
    for word in ("hotel ", "call centre ", "xtel ", "recall "):
        assert mask(f"{word}{number}", PHONE, "", country) == (f"{word}{number}", ())


def test_of_an_unknown_country_nothing_is_known() -> None:
    for country in ("", "XX"):
        assert mask("call 030 1234567", PHONE, "", country) == ("call 030 1234567", ())


def test_a_tenants_country_is_that_of_its_time_zone() -> None:
    zones = {name: tenant.time_zone for name, tenant in load_plan().tenants.items()}
    assert {name: country_of(zone) for name, zone in zones.items() if name in ("rentals", "advisory")} == {
        "rentals": "DE",
        "advisory": "IN",
    }
    assert country_of("UTC") == ""


@pytest.mark.parametrize(
    "text",
    [
        "01.02.2026", "01/02/2026", "01-02-2026", "01 02 2026", "2026-02-01 09:05:01", "20260201", "0930 1015",
        "1 234 567.89", "612 345 678", "0,05", "0.0512 EUR", "1.234.567,00", "EUR 012 345", "00012345 67",
        "DE89 3704 0044 0532 0130 00", "FR76 3000 6000 0112 3456 7890 189", "NL91 ABNA 0417 1643 00",
        "order #0345 678901", "INV-0345-678901", "0345-678901", "SKU 0711-123456", "0345678901", "00345678901",
        "A0345 678901", "/p/0345 678901", "v0.12.34.56.78", "52.520008, 13.404954", "0x0345 678901",
        "12345 67890", "012 345 678 00012", "0123 4567 8901 2345", "room 030", "030 kg", "0800 to 0930",
        "call 2026-03-01 10:00", "call 01.02.2026", "tel 12", "1-800", "10115 Berlin", "1012 AB", "978-3-16-148410-0",
    ],
)  # fmt: skip
def test_what_is_no_phone_number_is_left_alone_in_every_country(text: str) -> None:
    untouched(text)


@pytest.mark.parametrize("key", ["orderId", "booking_id", "sku", "invoice_no", "reference", "created_at"])
def test_an_identifier_by_its_name_is_none(key: str) -> None:
    untouched("030 1234567", key)


times = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1))
FORMATS = ("%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%m/%d/%y", "%Y%m%d", "%Y-%m-%dT%H:%M:%S.%fZ", "%H:%M", "%d %m %Y")
FORMATS += ("%d.%m.%Y %H:%M", "%Y/%m/%d %H.%M.%S", "%d.%m.%y, %H:%M", "%Y%m%d%H%M%S", "%Y-%j", "%d %b %Y %H:%M:%S")


@given(times, st.sampled_from(FORMATS), st.sampled_from(["{}", "on {}", "call at {}", "({})"]))
def test_dates_and_times_are_never_masked(moment: datetime, written: str, around: str) -> None:
    untouched(around.format(moment.strftime(written)))


@given(times, st.sampled_from([1, 1_000, 1_000_000, 1_000_000_000]), st.sampled_from(["{}", "at {}", "ts={}"]))
def test_epoch_times_are_never_masked(moment: datetime, unit: int, around: str) -> None:
    seconds = int((moment - datetime(1970, 1, 1)).total_seconds())
    untouched(around.format(seconds * unit))
    untouched(around.format((moment.date() - date(1970, 1, 1)).days))


@given(st.integers(0, 10**12), st.sampled_from([" ", "\u00a0", ".", ",", "'", ""]), st.sampled_from([",", "."]),
       st.sampled_from(["{}", "{} EUR", "$ {}", "total {}", "-{}"]))  # fmt: skip
def test_amounts_are_never_masked(cents: int, between: str, point: str, around: str) -> None:
    whole = f"{cents // 100:,}".replace(",", between)
    untouched(around.format(f"{whole}{point}{cents % 100:02}"))
    untouched(around.format(whole))


digits = st.text("0123456789", min_size=1, max_size=18)


@given(
    st.uuids(), digits, digits, st.sampled_from(["{}", "{}-{}", "A{}", "INV-{}-{}", "#{}", "no. {}", "{}_{}", "/{}/{}"])
)
def test_identifiers_are_never_masked(uuid: UUID, one: str, other: str, form: str) -> None:
    untouched(f"{uuid} {uuid.hex}")
    untouched(form.format(one, other))


def test_no_text_takes_long() -> None:
    for text in ("0" * 32_000, "030 " * 8_000, "01 " * 10_000, "call " * 6_000, "tel 0 1" * 4_000, "(030) 1 " * 4_000):
        for country in ALL:
            mask(text, PHONE, "", country)
