"""What the collector's own server reads does not depend on how it is cut, and noise never breaks the reader."""

from collections import deque
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.collector import http_heads
from ingestion.collector.http_reading import Exchange, RequestReader

SENT = (
    b"GET /a%20b?c=d HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\n\r\n"
    b"POST /b HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nbody"
    b"POST /c HTTP/1.0\r\nConnection: upgrade, keep-alive\r\nUpgrade: x\r\nContent-Length: 2\r\n\r\nof"
    b"POST /d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;e=f\r\nabcde\r\n1\r\nf\r\n0\r\nX-T: t\r\n\r\n"
    b"POST /e HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nConnection: close\r\n\r\nmore"
)
Seen = list[tuple[str, str, dict[bytes, bytes], bytes | None, bool, bool, int | None]]


def read(*parts: bytes) -> Seen:
    """What a reader makes of the parts."""
    into: deque[Exchange] = deque()
    reader = RequestReader(into, "127.0.0.1", on_wait=lambda: None, on_read=lambda: None)
    for part in parts:
        reader.feed(part)
    return [
        (e.head.method, e.head.path, dict(e.head.headers), e.body.at_hand(), e.keeps_alive, e.is_old, status(e))
        for e in into
    ]


def status(exchange: Exchange) -> int | None:
    return None if exchange.answer is None else exchange.answer.status


def test_each_request_is_read_as_it_was_sent() -> None:
    joined = {b"host": b"x", b"x-a": b"1, 2"}
    first, upgraded, old, chunked, last = read(SENT)
    assert first == ("GET", "/a b", joined, b"", True, False, None)
    assert (upgraded[1], upgraded[3:]) == ("/b", (b"body", True, False, None))
    assert (old[1], old[3:]) == ("/c", (b"of", True, True, None))
    assert chunked[1:] == ("/d", {b"transfer-encoding": b"chunked"}, b"abcdef", True, False, None)
    assert (last[1], last[3:]) == ("/e", (b"a", False, False, None)), "a trailer says that the connection closes"


@settings(max_examples=300, deadline=None)
@given(cuts=st.lists(st.integers(1, len(SENT) - 1), unique=True, max_size=20))
def test_it_does_not_matter_how_it_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(SENT)]
    assert read(*(SENT[start:end] for start, end in pairwise(edges))) == read(SENT)


@settings(max_examples=300, deadline=None)
@given(noise=st.binary(max_size=40), place=st.integers(0, len(SENT)), cut=st.integers(1, 80))
def test_noise_is_a_refused_request_or_none(noise: bytes, place: int, cut: int) -> None:
    sent = SENT[:place] + noise + SENT[place:]
    seen = read(sent)
    assert read(*(sent[start : start + cut] for start in range(0, len(sent), cut))) == seen
    assert [answered for *_, answered in seen[:-1] if answered is not None] == [], "nothing is read behind a refusal"


def test_a_large_head_is_refused_wherever_it_stands() -> None:
    large = b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"
    assert [answered for *_, answered in read(large)] == [431]
    assert [answered for *_, answered in read(b"GET / HTTP/1.1\r\n\r\n" + large)] == [None, 431]
    assert [answered for *_, answered in read(b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n")] == [431]


def test_an_old_client_has_no_chunks() -> None:
    assert [e[-1] for e in read(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")] == [400]


def test_long_addresses_are_not_remembered() -> None:
    http_heads._short_target.cache_clear()
    for number in range(20):
        read(b"GET /%d" % number + b"x" * 300 + b" HTTP/1.1\r\n\r\n")
    assert http_heads._short_target.cache_info().currsize == 0
