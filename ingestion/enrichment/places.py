"""From an address, or from what a trusted proxy says of it, to country and city. Nothing is asked over the network."""

from collections.abc import Mapping
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import maxminddb
import pytz

from almanac.errors import AlmanacError
from almanac.settings import Settings

_LONGEST = 100  # characters of a city's name
# Cloudflare's words for "unknown" and "Tor".
_NOWHERE = frozenset({"XX", "T1", "ZZ"})


class Places:
    """Where addresses are, as far as this installation was told how to know.

    Header names are in lower case. They are trusted: set them only where a proxy of yours writes them on every request,
    over whatever the client sent. `database` is an open MaxMind database of countries or cities.
    """

    def __init__(
        self,
        country_header: bytes | None = None,
        city_header: bytes | None = None,
        address_header: bytes | None = None,
        database: maxminddb.Reader | None = None,
    ) -> None:
        self._country_header = country_header
        self._city_header = city_header
        self._address_header = address_header
        self._database = database

    def of_request(self, headers: Mapping[bytes, bytes], peer: str | None) -> dict[str, str]:
        """Where a request comes from: `country`, `country_code`, `city`, each where it is known.

        `peer` is the other end of the connection. The proxy's headers come before the database.
        """
        place = self._of_headers(headers)
        if place or self._database is None:
            return place
        address = peer
        if self._address_header is not None:
            # Each proxy adds the address that it saw at the end; what stands before it is the client's own word.
            address = headers.get(self._address_header, b"").decode("latin-1").rpartition(",")[2].strip()
        return self.of_address(address) if address else {}

    def of_address(self, address: str) -> dict[str, str]:
        """Where an address is, by the database; empty if there is none or it does not know."""
        if self._database is None:
            return {}
        try:
            record: Any = self._database.get(ip_address(address))
        except ValueError:  # no address, or one of a family that the database lacks
            return {}
        return _of_record(record) if isinstance(record, dict) else {}

    @property
    def knows_addresses(self) -> bool:
        """Whether `of_address` can give anything."""
        return self._database is not None

    def _of_headers(self, headers: Mapping[bytes, bytes]) -> dict[str, str]:
        if self._country_header is None:
            return {}
        place = _country(headers.get(self._country_header, b"").decode("latin-1"))
        if place and self._city_header is not None:
            city = _header_text(headers.get(self._city_header, b""))
            if city:
                place["city"] = city
        return place


def open_places(settings: Settings) -> Places:
    """The places that the settings tell how to know. Raises AlmanacError if the database cannot be used."""
    database = None if settings.geo_database is None else _open(settings.geo_database)
    return Places(_name(settings.country_header), _name(settings.city_header), _name(settings.address_header), database)


def _open(path: Path) -> maxminddb.Reader:
    try:
        return maxminddb.open_database(path)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AlmanacError(
            f"ALMANAC_GEO_DATABASE: {path} cannot be used: {reason}; name a MaxMind database (.mmdb)"
        ) from error


def _name(header: str | None) -> bytes | None:
    return header.strip().lower().encode("latin-1", "replace") if header else None


def _of_record(record: dict[str, Any]) -> dict[str, str]:
    country = record.get("country")
    code = country.get("iso_code") if isinstance(country, dict) else record.get("country_code")
    place = _country(code) if isinstance(code, str) else {}
    city = record.get("city")
    if isinstance(city, dict):
        names = city.get("names")
        city = names.get("en") if isinstance(names, dict) else None
    if place and isinstance(city, str) and city:
        place["city"] = city[:_LONGEST]
    return place


def _country(code: str) -> dict[str, str]:
    """The country with an ISO 3166 code; the English name comes from the time zone database, so that it is one name."""
    code = code.strip().upper()
    if len(code) != 2 or not (code.isascii() and code.isalpha()) or code in _NOWHERE:
        return {}
    name = _countries().get(code)
    return {"country_code": code} if name is None else {"country": name, "country_code": code}


@cache
def _countries() -> dict[str, str]:
    return dict(pytz.country_names)


def _header_text(value: bytes) -> str:
    """A name in a header: percent-encoded by some proxies, plain UTF-8 by others."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    return unquote(text).strip()[:_LONGEST]
