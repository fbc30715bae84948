"""What never reaches the log: credentials, and the last part of every network address.

The door calls `clean` for every event, so it only looks where events have names: in the message, its properties or
traits, and its context. What is nested deeper is searched only if the caller saw such a name there.
"""

import ipaddress
from functools import lru_cache
from typing import Any

_V4_BITS, _V6_BITS = 24, 48

ADDRESS_NAMES = frozenset(
    {
        *("ip", "$ip", "ips", "ip_address", "ipAddress", "ipaddress", "ipv4", "ipv6"),
        *("client_ip", "clientIp", "clientIP", "user_ip", "userIp", "remote_ip", "remoteIp", "real_ip", "realIp"),
        *("remote_addr", "remoteAddr", "remote_address", "remoteAddress"),
        *("x-forwarded-for", "X-Forwarded-For", "x_forwarded_for", "xForwardedFor", "forwarded", "Forwarded"),
        *("x-real-ip", "X-Real-IP", "X-Real-Ip", "cf-connecting-ip", "CF-Connecting-IP", "true-client-ip"),
    }
)
SECRET_NAMES = frozenset(
    {
        *("writeKey", "write_key", "api_key", "apiKey", "apikey", "password", "passwd", "authorization"),
        *("Authorization", "access_token", "accessToken", "refresh_token", "refreshToken"),
        *("client_secret", "clientSecret", "cookie", "Cookie", "set-cookie"),
    }
)
NAMES = ADDRESS_NAMES | SECRET_NAMES
_PLACES = ("context", "properties", "traits")


def clean(message: dict[str, Any], *, deep: bool = False) -> bool:
    """Take credentials out of an event and truncate addresses, in place; returns whether anything changed."""
    if deep:
        return _clean_all(message)
    changed = not NAMES.isdisjoint(message) and _clean_names(message)
    for place in _PLACES:
        inside = message.get(place)
        if type(inside) is dict and not NAMES.isdisjoint(inside):
            changed |= _clean_names(inside)
    return changed


@lru_cache(maxsize=65_536)
def truncated(text: str) -> str | None:
    """An address without what tells one household from its neighbours: IPv4 /24, IPv6 /48. None if it is none."""
    try:
        address = ipaddress.ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        address = mapped
    bits = _V4_BITS if address.version == 4 else _V6_BITS
    return str(ipaddress.ip_network((address, bits), strict=False).network_address)


def _clean_names(inside: dict[str, Any]) -> bool:
    changed = False
    for name in NAMES.intersection(inside):
        value = inside[name]
        kept = truncated(value) if name in ADDRESS_NAMES and isinstance(value, str) else None
        if kept is None:
            del inside[name]
        elif kept != value:
            inside[name] = kept
        else:
            continue
        changed = True
    return changed


def _clean_all(value: Any) -> bool:
    if not isinstance(value, dict | list):
        return False
    changed = isinstance(value, dict) and not NAMES.isdisjoint(value) and _clean_names(value)
    for item in value.values() if isinstance(value, dict) else value:
        changed |= _clean_all(item)
    return changed
