"""Opening a file by its name, which tells what is inside and whether it is compressed."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from mlx_reward.utils.errors import InputError

COMPRESSED = (".gz", ".zst")
KINDS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")


def kind(path: Path) -> str | None:
    """Return the suffix that tells what is inside, below .gz or .zst; None for any other file."""
    name = path.name.lower()
    for suffix in COMPRESSED:
        name = name.removesuffix(suffix)
    return next((k for k in KINDS if name.endswith(k)), None)


@contextmanager
def open_bytes(path: Path) -> Iterator[tuple[BinaryIO, Callable[[], int]]]:
    """Open ``path``: its unpacked bytes, and a function that says how far the file itself is read.

    A missing file and a damaged archive raise InputError.
    """
    try:
        with path.open("rb") as file:
            yield _unpacked(path, file), file.tell
    except FileNotFoundError:
        raise InputError(f"{path}: not there; check data.source in params.yaml") from None
    except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        raise InputError(
            f"{path}: the archive is damaged or cut short ({error}); fetch it again"
        ) from None


def _unpacked(path: Path, file: BinaryIO) -> BinaryIO:
    if path.suffix.lower() == ".gz":
        return cast(BinaryIO, gzip.open(file, "rb"))
    if path.suffix.lower() == ".zst":
        return cast(BinaryIO, io.BufferedReader(_ZstdReader(file)))
    return file


class _ZstdReader(io.RawIOBase):
    """Unpacks zstd, and raises EOFError where an archive ends too early.

    zstandard's own reader takes such an archive for a whole one. An archive may be several frames
    one after the other.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._unpacked = b""
        self._frame = _new_frame()
        self._begun = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview[int] | bytearray") -> int:  # type: ignore[override]
        while not self._unpacked:
            packed = self._file.read(1 << 17)
            if not packed:
                if self._begun and not self._frame.eof:
                    raise EOFError("it ends before its end marker")
                return 0
            self._unpacked = self._unpack(packed)
        count = min(len(buffer), len(self._unpacked))
        buffer[:count] = self._unpacked[:count]
        self._unpacked = self._unpacked[count:]
        return count

    def _unpack(self, packed: bytes) -> bytes:
        self._begun = True
        unpacked = b""
        while packed:
            if self._frame.eof:
                self._frame = _new_frame()
            unpacked += self._frame.decompress(packed)
            packed = self._frame.unused_data if self._frame.eof else b""
        return unpacked


def _new_frame() -> "zstandard.ZstdDecompressionObj":  # the stubs' name, not there at run time
    return zstandard.ZstdDecompressor().decompressobj(read_across_frames=False)
