"""Real user agents and client hints: the device, system and browser that a person would name."""

from typing import Any

import pytest

from ingestion.enrichment import describe, from_headers, from_user_agent_data, is_a_persons_device

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
REAL = [
    (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/131.0.0.0 Safari/537.36",
        "desktop Windows Chrome 131",
    ),
    (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.51",
        "desktop Windows Edge 131",
    ),
    (
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {SAFARI} Version/18.1 Safari/605",
        "desktop macOS Safari 18",
    ),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "desktop Linux Firefox 132"),
    (
        f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/131.0.0.0 Safari/537.36",
        "desktop Chrome OS Chrome 131",
    ),
    (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {SAFARI} Version/18.1 Mobile/15E148 Safari/604.1",
        "mobile iOS Safari 18",
    ),
    (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {SAFARI} Mobile/15E148 Instagram 339.0.0.33.103",
        "mobile iOS Instagram 339",
    ),
    (
        f"Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) {SAFARI} Version/16.6 Mobile/15E148 Safari/604.1",
        "tablet iOS Safari 16",
    ),
    (f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/131.0.0.0 Mobile Safari/537.36", "mobile Android Chrome 131"),
    (f"Mozilla/5.0 (Linux; Android 13; SM-X906C) {WEBKIT} Chrome/131.0.0.0 Safari/537.36", "tablet Android Chrome 131"),
    ("Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0", "mobile Android Firefox 132"),
    (
        f"Mozilla/5.0 (Linux; Android 14; SM-S918B) {WEBKIT} SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36",
        "mobile Android Samsung Internet 26",
    ),
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot Googlebot 2"),
    (
        f"Mozilla/5.0 (Web0S; Linux/SmartTV) {WEBKIT} Chrome/79.0.3945.79 WebAppManager",
        "tv webOS Chrome 79",
    ),
    (f"Mozilla/5.0 (PlayStation; PlayStation 5/6.00) {SAFARI} Version/15.4 Safari/605.1.15", "console Safari 15"),
    ("Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7 Build/TQ3A.230805.001)", "mobile Android"),
]


@pytest.mark.parametrize(("user_agent", "says"), REAL, ids=[says for _, says in REAL])
def test_what_a_user_agent_says(user_agent: str, says: str) -> None:
    parts = describe(user_agent)
    words = [word for part in ("device", "os", "browser") for word in parts.get(part, {}).values()]
    assert " ".join(words) == says


@pytest.mark.parametrize(
    "user_agent", ["", "curl/8.5.0", "analytics-python/2.4.0", "node", "python-requests/2.32", "x" * 100_000]
)
def test_a_servers_library_says_nothing_about_a_person(user_agent: str) -> None:
    assert not is_a_persons_device(user_agent)
    assert describe(user_agent) == {}


def test_only_the_beginning_of_an_endless_user_agent_is_read() -> None:
    assert describe(REAL[0][0] + "x" * 1_000 + " Mobile")["device"] == {"type": "desktop"}


@pytest.mark.parametrize(
    ("brands", "mobile", "platform", "expected"),
    [
        (
            '"Google Chrome";v="131", "Chromium";v="131", "Not_A Brand";v="24"',
            "?0",
            '"macOS"',
            {
                "device": {"type": "desktop"},
                "os": {"name": "macOS"},
                "browser": {"name": "Chrome", "version": "131"},
            },
        ),
        (
            '"Not)A;Brand";v="99", "Brave";v="130", "Chromium";v="130"',
            "?1",
            '"Android"',
            {"device": {"type": "mobile"}, "os": {"name": "Android"}, "browser": {"name": "Brave", "version": "130"}},
        ),
        (
            '"Chromium";v="120", "Not A;Brand";v="99"',
            "?0",
            '"Android"',
            {
                "device": {"type": "tablet"},
                "os": {"name": "Android"},
                "browser": {"name": "Chromium", "version": "120"},
            },
        ),
        ("", "?9", '"Chromium OS"', {"os": {"name": "Chrome OS"}}),
        ("rubbish", "", "", {}),
    ],
)
def test_what_the_headers_of_client_hints_say(brands: str, mobile: str, platform: str, expected: Any) -> None:
    headers = {
        b"sec-ch-ua": brands.encode(),
        b"sec-ch-ua-mobile": mobile.encode(),
        b"sec-ch-ua-platform": platform.encode(),
    }
    assert from_headers(headers) == expected
    assert from_headers({}) == {}


def test_client_hints_in_an_events_context() -> None:
    data = {
        "brands": [{"brand": "Not_A Brand", "version": "24"}, {"brand": "Microsoft Edge", "version": "131"}],
        "mobile": False,
        "platform": "Windows",
    }
    assert from_user_agent_data(data) == {
        "device": {"type": "desktop"},
        "os": {"name": "Windows"},
        "browser": {"name": "Edge", "version": "131"},
    }
    for odd in (None, 7, [], {"brands": 1, "mobile": "x", "platform": 2}, {"brands": [1, {"brand": 3}, {}]}):
        assert from_user_agent_data(odd) == {}
