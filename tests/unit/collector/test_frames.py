"""How a log file is laid out: what is whole is read, a torn end is told from damage."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ingestion.collector import frames

ID = bytes(range(100, 116))
HEADER = frames.header(ID, 1_700_000_000_000_000)

groups = st.lists(st.lists(st.binary(max_size=60), min_size=1, max_size=4), max_size=5)


def layout(content: list[list[bytes]]) -> tuple[bytes, list[int]]:
    """A log file with these groups, and where each of its frames ends."""
    data, ends = HEADER, [len(HEADER)]
    for group in content:
        data += frames.frame(ID, group)
        ends.append(len(data))
    return data, ends


def flat(content: list[list[bytes]]) -> list[bytes]:
    return [record for group in content for record in group]


@given(groups)
def test_what_was_written_is_read(content: list[list[bytes]]) -> None:
    data, _ = layout(content)
    assert frames.scan(data) == frames.Scan(flat(content), len(data), len(data))


@settings(max_examples=300)
@given(groups, st.data())
def test_a_file_cut_anywhere_gives_the_frames_before_the_cut_and_is_not_damaged(
    content: list[list[bytes]], data: st.DataObject
) -> None:
    whole, ends = layout(content)
    cut = data.draw(st.integers(0, len(whole)))
    found = frames.scan(whole[:cut])
    complete = sum(1 for end in ends[1:] if end <= cut)
    assert found.records == flat(content[:complete])
    assert found.damaged_at is None
    assert found.good == (ends[complete] if cut >= len(HEADER) else 0)
    assert found.torn == cut - found.good


@settings(max_examples=300)
@given(groups.filter(bool), st.data())
def test_a_changed_byte_is_never_read_as_if_it_were_whole(content: list[list[bytes]], data: st.DataObject) -> None:
    whole, ends = layout(content)
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[at] ^= data.draw(st.integers(1, 255))
    found = frames.scan(bytes(changed))
    hit = sum(1 for end in ends[1:] if end <= at)  # the frame in which the byte lies
    if at < len(HEADER):
        assert (found.records, found.damaged_at) == ([], 0)
        return
    assert found.records == flat(content[:hit])
    assert found.good == ends[hit]
    # Behind every frame but the last there are whole ones: that is damage. The last may just as well be torn.
    assert found.damaged_at == (ends[hit] if hit < len(content) - 1 else None)


@given(groups, st.binary(min_size=1, max_size=200))
def test_what_follows_the_last_frame_is_torn(content: list[list[bytes]], garbage: bytes) -> None:
    data, _ = layout(content)
    assume(ID[: frames.MARK_SIZE] not in garbage)
    assert frames.scan(data + garbage) == frames.Scan(flat(content), len(data), len(data) + len(garbage))


def test_zeroes_at_the_end_are_torn_although_their_checksum_is_right() -> None:
    data, _ = layout([[b"one"]])
    found = frames.scan(data + bytes(4096))
    assert (found.records, found.torn, found.damaged_at) == ([b"one"], 4096, None)


def test_a_frame_inside_a_record_is_not_taken_for_a_whole_frame_of_this_file() -> None:
    stranger = frames.frame(bytes(16), [b"x" * 50])
    data, ends = layout([[b"one"], [stranger, b"two"]])
    torn = frames.scan(data[:-1])
    assert (torn.records, torn.good, torn.damaged_at) == ([b"one"], ends[1], None)


def test_a_file_without_its_whole_header_never_held_a_record() -> None:
    for size in range(len(HEADER)):
        assert frames.scan(HEADER[:size]) == frames.Scan([], 0, size)
    assert frames.scan(bytes(len(HEADER))) == frames.Scan([], 0, len(HEADER))
    assert frames.scan(bytes(len(HEADER) + 1)).damaged_at == 0
