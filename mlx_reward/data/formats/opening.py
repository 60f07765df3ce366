"""Opening a file by its name, which tells what is inside and whether it is compressed."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from backports import zstd

from mlx_reward.utils.errors import InputError

WINDOW_LOG_MAX = 27  # 128 MiB: what zstd itself unpacks unless it is told to use more
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
    except (EOFError, zlib.error, gzip.BadGzipFile, zstd.ZstdError) as error:
        raise InputError(
            f"{path}: the archive is damaged or cut short ({error}); fetch it again"
        ) from None


def _unpacked(path: Path, file: BinaryIO) -> BinaryIO:
    if path.suffix.lower() == ".gz":
        return cast(BinaryIO, gzip.open(file, "rb"))
    if path.suffix.lower() == ".zst":
        window = {int(zstd.DecompressionParameter.window_log_max): WINDOW_LOG_MAX}
        return cast(BinaryIO, zstd.ZstdFile(file, options=window))
    return file
