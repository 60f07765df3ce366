"""Files opened by their names: what is inside, and whether it is compressed."""

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
    """The suffix that tells what is inside, below .gz or .zst; None for a file that is not read here."""
    name = path.name.lower()
    for suffix in COMPRESSED:
        name = name.removesuffix(suffix)
    return next((k for k in KINDS if name.endswith(k)), None)


@contextmanager
def open_bytes(path: Path) -> Iterator[tuple[BinaryIO, Callable[[], int]]]:
    """The bytes of ``path``, unpacked, and how far the file itself is read; a damaged archive raises InputError."""
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
        return cast(BinaryIO, io.BufferedReader(_Whole(file)))
    return file


class _Whole(io.RawIOBase):
    """Unpacks zstd; unlike zstandard's own reader it takes an archive that ends too early for what it is."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._left = file, b""
        self._unpack = zstandard.ZstdDecompressor().decompressobj(read_across_frames=False)
        self._begun = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview[int] | bytearray") -> int:  # type: ignore[override]  # any buffer
        while not self._left:
            packed = self._file.read(1 << 17)
            if not packed:
                if self._begun and not self._unpack.eof:
                    raise EOFError("it ends before its end marker")
                return 0
            self._left = self._decompress(packed)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def _decompress(self, packed: bytes) -> bytes:
        """Archives may be several frames one after the other."""
        self._begun, found = True, b""
        while packed:
            if self._unpack.eof:
                self._unpack = zstandard.ZstdDecompressor().decompressobj(read_across_frames=False)
            found += self._unpack.decompress(packed)
            packed = self._unpack.unused_data if self._unpack.eof else b""
        return found
