"""From client hints to device, operating system and browser: where a browser sends them, they are its own plain words.

They come as headers (`Sec-CH-UA`, `Sec-CH-UA-Mobile`, `Sec-CH-UA-Platform`) or in an event's context as
`userAgentData`, which holds what a page is told by `navigator.userAgentData`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ingestion.enrichment.user_agents import Parts

_LONGEST = 512
_BRAND = re.compile(r'"([^"]*)"\s*;\s*v="([^"]*)"')
# Brands are mixed with one that means nothing, so that nobody relies on their order.
_GREASE = re.compile(r"not.{0,3}a.{0,3}brand", re.IGNORECASE)
_NAMES = {"Google Chrome": "Chrome", "Microsoft Edge": "Edge"}
_ENGINE = "Chromium"
_SYSTEMS = {"Chromium OS": "Chrome OS"}


def from_headers(headers: Mapping[bytes, bytes]) -> Parts:
    """What the headers of a request (names in lower case) say; empty where the browser sends no hints."""
    brands = headers.get(b"sec-ch-ua")
    platform = headers.get(b"sec-ch-ua-platform")
    if brands is None and platform is None:
        return {}
    mobile = {b"?1": True, b"?0": False}.get(headers.get(b"sec-ch-ua-mobile", b"").strip())
    listed = _BRAND.findall((brands or b"")[:_LONGEST].decode("latin-1"))
    return _parts(listed, mobile, (platform or b"")[:_LONGEST].decode("latin-1").strip().strip('"'))


def from_user_agent_data(data: Any) -> Parts:
    """What `userAgentData` of an event's context says; empty where it does not have the shape of one."""
    if not isinstance(data, dict):
        return {}
    brands = data.get("brands")
    listed = [
        (brand["brand"], brand.get("version"))
        for brand in (brands if isinstance(brands, list) else [])
        if isinstance(brand, dict) and isinstance(brand.get("brand"), str)
    ]
    mobile, platform = data.get("mobile"), data.get("platform")
    return _parts(listed, mobile if isinstance(mobile, bool) else None, platform if isinstance(platform, str) else "")


def _parts(brands: Iterable[tuple[str, Any]], mobile: bool | None, platform: str) -> Parts:
    parts: Parts = {}
    if mobile is not None and platform:
        parts["device"] = {"type": "mobile" if mobile else "tablet" if platform == "Android" else "desktop"}
    if platform and platform != "Unknown":
        parts["os"] = {"name": _SYSTEMS.get(platform, platform)}
    named = {name: version for name, version in brands if name and not _GREASE.search(name)}
    own = next((name for name in named if name != _ENGINE), _ENGINE if named else None)
    if own is not None:
        parts["browser"] = {"name": _NAMES.get(own, own)}
        version = named[own]
        if isinstance(version, str) and version:
            parts["browser"]["version"] = version.partition(".")[0]
    return parts
