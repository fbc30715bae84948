"""How much a request may hold, and what it is told when it holds more."""

import asyncio
import gzip
import time
import zlib
from collections.abc import AsyncIterator

import pytest

from ingestion.collector.limits import MAX_BODY_BYTES, ClientGone, inflate, read_body
from ingestion.collector.problems import Problem


class Client:
    """Sends a body in chunks; waits for ever after the last one unless it is complete."""

    def __init__(self, *chunks: bytes, complete: bool = True, leaves: bool = False) -> None:
        self.left = list(chunks)
        self.complete = complete
        self.leaves = leaves
        self.read = 0

    def at_hand(self) -> None:
        return None

    async def whole(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        while self.left:
            chunk = self.left.pop(0)
            self.read += len(chunk)
            yield chunk
        if self.leaves:
            raise ClientGone
        if not self.complete:
            await asyncio.Event().wait()


def read(client: Client, declared: bytes | None = None) -> bytes:
    return asyncio.run(read_body(client, declared))


def refusal_of(client: Client, declared: bytes | None = None, seconds: float = 20) -> Problem:
    with pytest.raises(Problem) as caught:
        asyncio.run(read_body(client, declared, seconds=seconds))
    return caught.value


def test_a_length_of_thousands_of_digits_is_none() -> None:
    assert read(Client(b"ab", b"c"), b"0" * 5_000 + b"3") == b"abc"


def test_a_body_is_put_together_from_its_chunks() -> None:
    for declared in (None, b"7"):
        assert read(Client(b'{"a"', b"", b":1}"), declared) == b'{"a":1}'
    for declared in (None, str(MAX_BODY_BYTES).encode()):
        assert len(read(Client(bytes(MAX_BODY_BYTES)), declared)) == MAX_BODY_BYTES


def test_the_limit_holds_whatever_the_client_declares() -> None:
    for declared in (None, b"1", b"600000", b"-1", b"many"):
        assert refusal_of(Client(*[bytes(100_000)] * 6), declared).code == "batch_too_large"


def test_a_body_that_ends_before_its_declared_length_is_no_body() -> None:
    refusal = refusal_of(Client(bytes(10)), b"600000")
    assert (refusal.status, refusal.code) == (408, "truncated_body")


def test_a_body_that_is_too_large_is_read_to_its_end_so_that_the_client_hears_the_answer() -> None:
    client = Client(*[bytes(100_000)] * 6)
    problem = refusal_of(client)
    assert (problem.status, problem.code) == (413, "batch_too_large")
    assert problem.message == "The body has 600,000 bytes; the limit is 512,000. Send smaller batches."
    assert problem.extra == {"limit": 512_000}
    assert client.left == []
    assert problem.headers == ()


def test_a_body_without_end_is_not_read_to_its_end() -> None:
    client = Client(*[bytes(1_000_000)] * 1000)
    problem = refusal_of(client)
    assert problem.status == 413
    assert client.read < 10 * MAX_BODY_BYTES
    assert (b"connection", b"close") in problem.headers


def test_a_body_that_does_not_arrive_is_not_waited_for_for_ever() -> None:
    problem = refusal_of(Client(b"{", complete=False), seconds=0.01)
    assert (problem.status, problem.code) == (408, "request_timeout")


def test_each_of_many_bodies_has_its_own_deadline() -> None:
    async def scenario() -> None:
        begun: list[float] = []

        async def timed(client: Client) -> object:
            begun.append(asyncio.get_running_loop().time())
            try:
                return await read_body(client, None, seconds=0.05)
            except Problem as problem:
                return problem.code, asyncio.get_running_loop().time()

        tasks = [asyncio.create_task(timed(Client(b"{", complete=False))) for _ in range(3)]
        assert await timed(Client(b"{}")) == b"{}"  # lifts its own alone
        first = await tasks[0]
        tasks.append(asyncio.create_task(timed(Client(b"{", complete=False))))  # after a timer has ended
        codes, ended = zip(first, *await asyncio.gather(*tasks[1:]), strict=True)  # type: ignore[arg-type]
        assert set(codes) == {"request_timeout"}
        assert all(end - start >= 0.05 for start, end in zip([*begun[1:4], begun[4]], ended, strict=True))
        # Whoever is cancelled for another reason is not told that it was too slow.
        given_up = asyncio.create_task(timed(Client(b"{", complete=False)))
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up

    asyncio.run(scenario())


@pytest.mark.parametrize("declared", [None, b"9"])
def test_a_client_that_leaves_is_told_to_send_again(declared: bytes | None) -> None:
    refusal = refusal_of(Client(b"{", complete=False, leaves=True), declared)
    assert (refusal.status, refusal.code, refusal.headers) == (408, "truncated_body", ((b"connection", b"close"),))


@pytest.mark.parametrize("encoding", [b"gzip", b"x-gzip"])
def test_gzip_is_unpacked(encoding: bytes) -> None:
    assert inflate(gzip.compress(b'{"a":1}'), encoding) == b'{"a":1}'


@pytest.mark.parametrize(
    "parts", [[b'{"a":', b"1}"], [b"", b'{"a":1}', b""], [b"{"] * 200, [bytes(200_000), b"1" * 300_000]]
)
def test_gzip_of_several_members_is_their_content_in_order(parts: list[bytes]) -> None:
    assert inflate(b"".join(map(gzip.compress, parts)), b"gzip", sum(map(len, parts))) == b"".join(parts)


def test_the_limit_holds_over_all_members() -> None:
    above = gzip.compress(bytes(MAX_BODY_BYTES + 1))
    half, rest = gzip.compress(bytes(MAX_BODY_BYTES // 2)), gzip.compress(bytes(MAX_BODY_BYTES // 2 + 1))
    for body in (above + half, half + rest, half * 3, half + gzip.compress(bytes(100 * 1024 * 1024))):
        with pytest.raises(Problem) as caught:
            inflate(body, b"gzip")
        assert (caught.value.status, caught.value.code) == (413, "decompressed_too_large")


def test_members_without_end_cost_no_time() -> None:
    body = gzip.compress(b"") * (MAX_BODY_BYTES // 20)
    began = time.process_time()
    with pytest.raises(Problem, match=None) as caught:
        inflate(body, b"gzip")
    assert time.process_time() - began < 0.5
    assert (caught.value.status, caught.value.code) == (400, "invalid_compression")
    assert "has more than 1,000 members" in caught.value.message


@pytest.mark.parametrize("encoding", [b"", b"identity"])
def test_what_is_not_compressed_stays_as_it_is(encoding: bytes) -> None:
    assert inflate(b"{}", encoding) == b"{}"


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(100 * 1024 * 1024), compresslevel=9)
    assert len(bomb) < MAX_BODY_BYTES
    with pytest.raises(Problem) as caught:
        inflate(bomb, b"gzip")
    assert (caught.value.status, caught.value.code) == (413, "decompressed_too_large")
    with pytest.raises(Problem) as caught:
        inflate(bomb, b"gzip", 4_000_000)  # of a key that may send more than others
    assert "more than 4,000,000 bytes" in caught.value.message


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{}", "incorrect header check"),
        (gzip.compress(b"{}")[:-3], "is cut short"),
        (gzip.compress(b"{}") + b"x", "is followed by other bytes"),
        (gzip.compress(b"{}") * 2 + bytes(8), "is followed by other bytes"),
        (gzip.compress(b"{}") + gzip.compress(b"{}")[:-3], "is cut short"),
        (gzip.compress(b"{}") + gzip.compress(b"{}")[:5], "is cut short"),
        (gzip.compress(b"{}") + gzip.compress(b"{}")[:-8] + bytes(8), "incorrect data check"),
        (gzip.compress(b"{}")[:-8] + bytes(8), "incorrect data check"),
        (zlib.compress(b"{}"), "incorrect header check"),
        (b"", "is cut short"),
    ],
    # Packed bytes hold the time: as names they would differ between the processes that run the tests.
    ids=[
        "no gzip",
        "cut",
        "more behind",
        "zeros",
        "second cut",
        "second begun",
        "second wrong",
        "wrong sum",
        "zlib",
        "empty",
    ],
)
def test_bad_gzip_is_explained(body: bytes, why: str) -> None:
    with pytest.raises(Problem, match=None) as caught:
        inflate(body, b"gzip")
    assert (caught.value.status, caught.value.code) == (400, "invalid_compression")
    assert why in caught.value.message


@pytest.mark.parametrize("encoding", [b"br", b"deflate", b"gzip, gzip", b"x" * 500])
def test_other_encodings_are_refused(encoding: bytes) -> None:
    with pytest.raises(Problem) as caught:
        inflate(b"{}", encoding)
    assert (caught.value.status, caught.value.code) == (415, "unsupported_encoding")
    assert len(caught.value.message) < 200
