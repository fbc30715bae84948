"""Country and city: from a trusted proxy's headers or a database, and from nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from almanac.errors import AlmanacError
from almanac.settings import Settings
from ingestion.enrichment import Places, open_places

BERLIN = {"country": {"iso_code": "DE", "names": {"en": "X"}}, "city": {"names": {"de": "B", "en": "Berlin"}}}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("geo") / "cities.mmdb"
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Test-City")
    writer.insert_network(IPSet(["203.0.113.0/24", "2001:db8::/32"]), BERLIN)
    writer.insert_network(IPSet(["198.51.100.0/24"]), {"country_code": "KE", "city": "Nairobi"})
    writer.insert_network(IPSet(["192.0.2.0/24"]), {"continent": {"code": "EU"}})
    writer.to_db_file(str(path))
    return path


def test_the_database_tells_country_and_city_of_an_address(tmp_path: Path, database: Path) -> None:
    places = open_places(settings(tmp_path, geo_database=database))
    germany = {"country": "Germany", "country_code": "DE", "city": "Berlin"}
    assert places.knows_addresses
    assert places.of_address("203.0.113.77") == places.of_address("2001:db8::7") == germany
    assert places.of_address("198.51.100.1") == {"country": "Kenya", "country_code": "KE", "city": "Nairobi"}
    for unknown in ("192.0.2.1", "10.0.0.1", "", "localhost", "1.2.3.4.5", "203.0.113.0/24"):
        assert places.of_address(unknown) == {}


def test_a_request_is_where_the_connection_ends_or_where_the_nearest_proxy_says(tmp_path: Path, database: Path) -> None:
    direct = open_places(settings(tmp_path, geo_database=database))
    forged = {b"x-forwarded-for": b"203.0.113.1"}
    assert direct.of_request(forged, "198.51.100.1")["country_code"] == "KE"
    proxied = open_places(settings(tmp_path, geo_database=database, address_header="X-Forwarded-For"))
    through = {b"x-forwarded-for": b"203.0.113.1, 198.51.100.7"}
    assert proxied.of_request(through, "203.0.113.9")["country_code"] == "KE"
    assert proxied.of_request({}, "203.0.113.9") == {}


def test_headers_count_only_where_they_are_configured() -> None:
    headers = {b"cf-ipcountry": b"KE", b"cf-ipcity": b"Nairobi"}
    assert Places().of_request(headers, "203.0.113.1") == {}
    trusting = Places(b"cf-ipcountry", b"cf-ipcity")
    assert trusting.of_request(headers, None) == {"country": "Kenya", "country_code": "KE", "city": "Nairobi"}


@pytest.mark.parametrize(
    ("country", "city", "expected"),
    [
        (b"de", b"M%C3%BCnchen", {"country": "Germany", "country_code": "DE", "city": "München"}),
        (b"DE", "München".encode(), {"country": "Germany", "country_code": "DE", "city": "München"}),
        (b"DE", b"", {"country": "Germany", "country_code": "DE"}),
        (b"QQ", b"", {"country_code": "QQ"}),
        (b"XX", b"Nowhere", {}),
        (b"T1", b"", {}),
        (b"Germany", b"Berlin", {}),
        (b"", b"Berlin", {}),
        (b"\xff\xff", b"Berlin", {}),
    ],
)
def test_what_proxies_write(country: bytes, city: bytes, expected: dict[str, str]) -> None:
    places = Places(b"x-country", b"x-city")
    assert places.of_request({b"x-country": country, b"x-city": city}, None) == expected


def test_a_database_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(AlmanacError, match=r"ALMANAC_GEO_DATABASE: .*missing\.mmdb cannot be used: No such file"):
        open_places(settings(tmp_path, geo_database=tmp_path / "missing.mmdb"))
    (tmp_path / "other.mmdb").write_text("no database")
    with pytest.raises(AlmanacError, match=r"other\.mmdb cannot be used"):
        open_places(settings(tmp_path, geo_database=tmp_path / "other.mmdb"))


def settings(home: Path, **more: object) -> Settings:
    return replace(Settings.for_home(home), **more)  # type: ignore[arg-type]
