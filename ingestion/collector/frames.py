"""How a log file is laid out: a header, then frames that tell by themselves whether they are whole.

    header  = magic 8 | id 16 | created_at u64 (microseconds) | crc32 of these u32
    frame   = length u32 | crc32 of payload u32 | payload
    payload = mark 8 | records, each as length u32 | bytes

What a file is told from all others by (its content hash, the name of its landings) is the SHA-256 of its header and of
the heads of its frames: its id is random, and a frame's head has the checksum of what it holds.

The mark is the first half of the file's random id: by it whole frames are found behind a bad one, and no client can
send bytes that look like a frame. A frame is what one fdatasync made durable: the records of all requests that waited
for it. The next one is written only after that, so a crash can tear at most one frame, the last. A bad frame before a
whole one was once durable, and is damage. All numbers are little-endian.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

MAGIC = b"ALMWAL\x00\x02"
_MAGIC_BEFORE = b"ALMWAL\x00\x01"  # its content hash is that of all its bytes
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


class Reading:
    """A log file that is read piece by piece; make it with `begin`."""

    def __init__(self, header: bytes) -> None:
        self.id = header[len(MAGIC) : len(MAGIC) + ID_SIZE]
        self._is_hashed_whole = header.startswith(_MAGIC_BEFORE)
        self._digest = sha256(header)

    @classmethod
    def begin(cls, data: bytes) -> "Reading | None":
        """With the header with which `data` begins; None if there is no whole one."""
        return cls(data[:HEADER_SIZE]) if _good_header(data) else None

    @property
    def content_hash(self) -> str:
        """That of what was read."""
        return self._digest.hexdigest()

    def read_on(self, data: bytes) -> tuple[list[bytes], int]:
        """The records of the whole frames with which `data`, what follows in the file, begins, and where they end."""
        records: list[bytes] = []
        at = 0
        while (end := _frame_end(data, at, self.id[:MARK_SIZE])) is not None:
            self._digest.update(data[at : end if self._is_hashed_whole else at + FRAME_SIZE])
            records += _records(data, at + FRAME_SIZE + MARK_SIZE, end)
            at = end
        return records, at


def _good_header(data: bytes) -> bool:
    if len(data) < HEADER_SIZE or not data.startswith((MAGIC, _MAGIC_BEFORE)):
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
