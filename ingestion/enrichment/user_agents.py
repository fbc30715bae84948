"""From a user agent to the kind of device, the operating system and the browser.

Versions of operating systems are left out: browsers have frozen them ("Mac OS X 10_15_7", "Windows NT 10.0"). An iPad
that asks for pages as a Mac cannot be told from one.
"""

import re
from functools import lru_cache

import ua_parser

# Part of an event's context (device, os, browser, location) -> what is known of it.
Parts = dict[str, dict[str, str]]

_LONGEST = 512  # characters of a user agent that are looked at
_REMEMBERED = 10_000  # user agents: a busy day of one site has fewer

_BROWSERS = ("Mozilla/", "Opera/")
# What programs on phones call themselves when they are no browsers.
_APPS = re.compile(r"^Dalvik/|\bokhttp/|\bCFNetwork/")
_VARIANT = re.compile(r"\b(?:Mobile|iOS|UI/WKWebView|WebView|Mini)\b")
_SYSTEMS = {"Mac OS X": "macOS", "Web0S": "webOS"}
_TV = re.compile(r"\bTV\b|SmartTV|SMART-TV|Web0S|HbbTV|AppleTV|AFT[A-Z]", re.ASCII)
_CONSOLE = re.compile(r"PlayStation|Xbox|Nintendo")
_TABLET = re.compile(r"iPad|Tablet|Kindle|\bSilk\b")
_MOBILE = re.compile(r"iPhone|iPod|Mobi|Dalvik|Windows Phone|CFNetwork")
_DESKTOP = re.compile(r"Windows NT|Macintosh|X11|CrOS|Linux")


def is_a_persons_device(user_agent: str) -> bool:
    """Whether a request with this user agent comes from a browser or an app, and not from a server's client library."""
    return user_agent.startswith(_BROWSERS) or _APPS.search(user_agent) is not None


def describe(user_agent: str) -> Parts:
    """What a user agent says; empty where it says nothing. The result is shared: do not change it."""
    return _describe(user_agent[:_LONGEST])


@lru_cache(maxsize=_REMEMBERED)
def _describe(user_agent: str) -> Parts:
    if not is_a_persons_device(user_agent):
        return {}
    found = ua_parser.parse(user_agent)
    parts: Parts = {}
    is_bot = found.device is not None and found.device.family == "Spider"
    kind = "bot" if is_bot else _kind(user_agent)
    if kind is not None:
        parts["device"] = {"type": kind}
    if found.os is not None:
        parts["os"] = {"name": _SYSTEMS.get(found.os.family, found.os.family)}
    if found.user_agent is not None and user_agent.startswith(_BROWSERS):
        # A phone's browser is the same browser; that it is a phone says the device.
        name = " ".join(_VARIANT.sub("", found.user_agent.family).split()) or found.user_agent.family
        parts["browser"] = {"name": name}
        if found.user_agent.major:
            parts["browser"]["version"] = found.user_agent.major
    return parts


def _kind(user_agent: str) -> str | None:
    for kind, pattern in (("tv", _TV), ("console", _CONSOLE), ("tablet", _TABLET), ("mobile", _MOBILE)):
        if pattern.search(user_agent):
            return kind
    if "Android" in user_agent:
        return "tablet"  # Google's rule: a phone says Mobile
    return "desktop" if _DESKTOP.search(user_agent) else None
