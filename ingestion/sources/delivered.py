"""A delivered file as plain UTF-8 text (or its bytes) on the local disk, with the hash of its content."""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, cast

from ingestion.sources.problems import FileProblem

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
CHUNK = 1 << 20
NAME = "delivered"  # never the given name: the reader would take * and [ in it for a pattern


@dataclass(frozen=True)
class Delivered:
    """A private copy of a delivered file."""

    origin: Path
    content: Path  # UTF-8 without byte order mark (but see `errors`); of a binary format the bytes, uncompressed
    content_hash: str  # SHA-256 of the uncompressed bytes as delivered


@contextmanager
def delivered(path: Path, encoding: str | None, errors: str = "strict") -> Iterator[Delivered]:
    """Copy, uncompress and decode `path`, or (None) leave its bytes as they are.

    With `errors` "surrogateescape" bytes that are no text stay in the content, for its reader to find.

    Raises FileProblem if it is unreadable, cut off or badly encoded.
    """
    with TemporaryDirectory(prefix="almanac-") as folder:
        content = Path(folder) / NAME
        digest = sha256()
        decoder = _decoder(encoding, errors)
        line = 1
        try:
            with path.open("rb") as raw, content.open("wb") as out:
                if decoder is not None and raw.peek(4)[:4] == ZIP_MAGIC:
                    raise FileProblem(path, "is a ZIP archive or an Excel workbook: unpack it, or save it as text")
                for chunk in _chunks(path, raw):
                    digest.update(chunk)
                    if decoder is not None:
                        chunk = decoder.decode(chunk).encode("utf-8", errors)
                        line += chunk.count(b"\n")
                    out.write(chunk)
                if decoder is not None:
                    out.write(decoder.decode(b"", final=True).encode("utf-8", errors))
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            what = (
                f"byte {error.object[error.start]:#04x} is not {encoding}: correct the file, or its mapping's encoding"
            )
            raise FileProblem(path, what, line=line) from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise FileProblem(
                path, f"the gzip file is damaged or cut off ({error}): have it delivered again"
            ) from error
        except OSError as error:
            raise FileProblem(path, f"cannot be read: {error.strerror or error}") from error
        yield Delivered(path, content, digest.hexdigest())


def _chunks(path: Path, raw: BinaryIO) -> Iterator[bytes]:
    """The uncompressed content; what is gzip is told by its first bytes, not by its name."""
    magic = raw.read(2)
    raw.seek(0)
    if magic == GZIP_MAGIC:
        raw = cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    elif path.suffix == ".gz":
        raise FileProblem(path, "is not a gzip file though its name says so: have it delivered again, or rename it")
    while chunk := raw.read(CHUNK):
        yield chunk


def _decoder(encoding: str | None, errors: str) -> codecs.IncrementalDecoder | None:
    if encoding is None:
        return None
    is_utf8 = codecs.lookup(encoding).name == "utf-8"
    return codecs.getincrementaldecoder("utf-8-sig" if is_utf8 else encoding)(errors)
