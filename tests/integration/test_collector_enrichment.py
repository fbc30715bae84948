"""A browser's event becomes a row with device, browser, system and place; its address is nowhere in the lake."""

from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from tests.integration.collector_process import eventually, lake_rows, new_key, running

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)
COLUMNS = ", ".join(
    f"context_{name}" for name in ("device_type", "os_name", "browser_name", "country", "country_code", "city")
)


def test_a_row_says_where_and_on_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Test-City")
    writer.insert_network(
        IPSet(["203.0.113.0/24"]), {"country": {"iso_code": "KE"}, "city": {"names": {"en": "Nairobi"}}}
    )
    writer.to_db_file(str(tmp_path / "cities.mmdb"))
    monkeypatch.setenv("ALMANAC_GEO_DATABASE", str(tmp_path / "cities.mmdb"))
    monkeypatch.setenv("ALMANAC_ADDRESS_HEADER", "x-forwarded-for")
    home = tmp_path / "home"
    ids = [str(uuid4()) for _ in range(3)]
    browser = {"user-agent": PHONE, "x-forwarded-for": "198.51.100.1, 203.0.113.77", "cf-ipcountry": "DE"}
    event = {"event": "Signed Up", "userId": "u1"}
    key = new_key(home)
    with running(home) as collector, httpx.Client(base_url=collector.url, auth=(key, "")) as client:
        # From a browser, from a server on behalf of a person, and from a client that knows better.
        client.post("/v1/t", json=event | {"messageId": ids[0]}, headers=browser).raise_for_status()
        client.post("/v1/t", json=event | {"messageId": ids[1], "context": {"ip": "203.0.113.77"}}).raise_for_status()
        stated = {"location": {"country": "Norway"}, "device": {"type": "kiosk"}}
        client.post("/v1/t", json=event | {"messageId": ids[2], "context": stated}, headers=browser).raise_for_status()
        assert collector.stop() == 0
    by_id = {
        message_id: row
        for message_id, *row in eventually(lambda: lake_rows(home, "events", f"message_id::varchar, {COLUMNS}"))
    }
    assert by_id == {
        ids[0]: ["mobile", "iOS", "Safari", "Kenya", "KE", "Nairobi"],
        ids[1]: [None, None, None, "Kenya", "KE", "Nairobi"],
        ids[2]: ["kiosk", "iOS", "Safari", "Norway", None, None],
    }
    for file in home.rglob("*.parquet"):
        assert b"203.0.113.77" not in file.read_bytes()
