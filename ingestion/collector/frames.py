"""How a log file is laid out: a header, then frames that tell by themselves whether they are whole.

    header  = magic 8 | id 16 | created_at u64 (microseconds) | crc32 of these u32
    frame   = length u32 | crc32 of payload u32 | payload
    payload = mark 8 | records, each as length u32 | bytes

The mark is the first half of the file's random id: by it whole frames are found behind a bad one, and no client can
send bytes that look like a frame. A frame is what one fdatasync made durable: the records of all requests that waited
for it. The next one is written only after that, so a crash can tear at most one frame, the last. A bad frame before a
whole one was once durable, and is damage. All numbers are little-endian.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAGIC = b"ALMWAL\x00\x01"
_HEADER = struct.Struct("<8s16sQ")
_CRC = struct.Struct("<I")
_FRAME = struct.Struct("<II")
_LENGTH = struct.Struct("<I")
HEADER_SIZE = _HEADER.size + _CRC.size
FRAME_SIZE = _FRAME.size
ID_SIZE = 16
MARK_SIZE = 8


@dataclass(frozen=True)
class Scan:
    """What a log file holds: its whole records, where the last whole frame ends, and what follows it.

    `damaged_at` is the place of a bad frame that has whole ones behind it (or of a bad header); None if there is none.
    """

    records: list[bytes]
    good: int
    size: int
    damaged_at: int | None = None

    @property
    def torn(self) -> int:
        """Bytes behind the last whole frame."""
        return self.size - self.good


def header(id_: bytes, created_us: int) -> bytes:
    """The header of a log file; the random `id_` (16 bytes) makes the content of every file unique."""
    start = _HEADER.pack(MAGIC, id_, created_us)
    return start + _CRC.pack(zlib.crc32(start))


def frame(id_: bytes, records: Sequence[bytes]) -> bytes:
    """One frame with these records, for the file with this id."""
    parts = [id_[:MARK_SIZE]]
    for record in records:
        parts += (_LENGTH.pack(len(record)), record)
    payload = b"".join(parts)
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def scan(data: bytes) -> Scan:
    """Read a log file as far as it is whole, and tell a torn end from damage."""
    size = len(data)
    if not _good_header(data):
        # The header is durable before the first frame is written, so a file of this size never held a record.
        damaged = 0 if size > HEADER_SIZE else None
        return Scan([], 0, size, damaged)
    mark = data[len(MAGIC) : len(MAGIC) + MARK_SIZE]
    records: list[bytes] = []
    at = HEADER_SIZE
    while at < size:
        end = _frame_end(data, at, mark)
        if end is None:
            return Scan(records, at, size, at if _whole_frame_behind(data, at, mark) else None)
        records += _records(data, at + FRAME_SIZE + MARK_SIZE, end)
        at = end
    return Scan(records, at, size)


def id_of(data: bytes) -> bytes:
    """The id in the header with which `data` begins; empty if there is no whole header."""
    return data[len(MAGIC) : len(MAGIC) + ID_SIZE] if _good_header(data) else b""


def read_on(data: bytes, id_: bytes) -> tuple[list[bytes], int]:
    """The records of the whole frames with which `data` begins, and where the last of these ends."""
    records: list[bytes] = []
    at = 0
    while (end := _frame_end(data, at, id_[:MARK_SIZE])) is not None:
        records += _records(data, at + FRAME_SIZE + MARK_SIZE, end)
        at = end
    return records, at


def _good_header(data: bytes) -> bool:
    if len(data) < HEADER_SIZE or not data.startswith(MAGIC):
        return False
    (crc,) = _CRC.unpack_from(data, _HEADER.size)
    return bool(crc == zlib.crc32(data[: _HEADER.size]))


def _frame_end(data: bytes, at: int, mark: bytes) -> int | None:
    """Where the frame at `at` ends, or None if there is no whole frame."""
    if at + FRAME_SIZE + MARK_SIZE > len(data):
        return None
    length, crc = _FRAME.unpack_from(data, at)
    start = at + FRAME_SIZE
    end = start + int(length)
    # Zeroes, which some file systems leave after a power cut, have the right checksum but not the mark.
    if end > len(data) or not data.startswith(mark, start) or end < start + MARK_SIZE:
        return None
    if zlib.crc32(memoryview(data)[start:end]) != crc:
        return None
    return end


def _whole_frame_behind(data: bytes, at: int, mark: bytes) -> bool:
    """Whether a whole frame begins anywhere behind `at`."""
    found = data.find(mark, at + FRAME_SIZE + 1)
    while found != -1:
        if _frame_end(data, found - FRAME_SIZE, mark) is not None:
            return True
        found = data.find(mark, found + 1)
    return False


def _records(data: bytes, at: int, end: int) -> Iterator[bytes]:
    while at < end:
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        yield data[at : at + length]
        at += length
