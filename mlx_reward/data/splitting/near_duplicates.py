"""Prompts that are nearly the same: MinHash over word pairs, and locality-sensitive hashing.

Broder 1997, "On the resemblance and containment of documents".
"""

import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from datasketch import MinHash

PERMUTATIONS = 128
ROWS = 4  # of a band; 32 bands of 4 miss two texts of similarity 0.7 once in 5,000 times
CHUNK = 4096  # signatures written or compared at once


def _identity(value: Any) -> Any:
    return value


_EMPTY = MinHash(PERMUTATIONS, seed=1, hashfunc=_identity)  # word pairs come hashed


def signature(text: str) -> "np.ndarray[Any, np.dtype[np.uint32]]":
    """Return the MinHash signature (PERMUTATIONS,) of ``text``.

    The share of equal entries of two signatures estimates the Jaccard similarity of the texts' word
    pairs. A text of one word is hashed whole.
    """
    words = text.encode().split()
    hashes = [zlib.crc32(a + b" " + b) for a, b in pairwise(words)]
    sketch = _EMPTY.copy()
    sketch.update_batch(hashes or [zlib.crc32(text.encode())])
    return np.asarray(sketch.hashvalues, np.uint32)


class Signatures:
    """Signatures of many texts, kept in a file of ``folder``: 512 bytes a text."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "signatures"
        self._path.write_bytes(b"")
        self._unwritten: list[bytes] = []
        self._count = 0

    def add(self, text: str) -> None:
        """Add a text; they are numbered from 0 in the order in which they are added."""
        self._unwritten.append(signature(text).tobytes())
        self._count += 1
        if len(self._unwritten) == CHUNK:
            self._write()

    def near(self, similarity: float) -> Iterator[tuple[int, int]]:
        """Yield the numbers of two texts that are at least as similar.

        Of texts with an equal band, each is compared with the first and with the one before only.
        """
        if self._count < 2:
            return
        self._write()
        table = np.memmap(self._path, np.uint32, "r", shape=(self._count, PERMUTATIONS))
        for band in range(0, PERMUTATIONS, ROWS):
            later, earlier = _candidates(np.ascontiguousarray(table[:, band : band + ROWS]))
            for start in range(0, len(later), CHUNK):
                a = later[start : start + CHUNK]
                b = earlier[start : start + CHUNK]
                alike = (table[a] == table[b]).mean(axis=1) >= similarity
                yield from zip(a[alike].tolist(), b[alike].tolist(), strict=True)

    def _write(self) -> None:
        with self._path.open("ab") as file:
            file.writelines(self._unwritten)
        self._unwritten.clear()


def _candidates(
    band: "np.ndarray[Any, Any]",
) -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]":
    """Return texts (a, b), a after b in number, whose entries in ``band`` (N, ROWS) are all equal.

    Texts with equal entries form a bucket; b is the first of a's bucket, or the one before a.
    """
    keys = band.view([("", band.dtype)] * ROWS).ravel()  # (N,) one comparable value a text
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begins_bucket = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    bucket_start = np.maximum.accumulate(np.where(begins_bucket, np.arange(len(order)), 0))
    places = np.flatnonzero(~begins_bucket)
    with_first = np.stack([order[places], order[bucket_start[places]]], axis=1)
    with_previous = np.stack([order[places], order[places - 1]], axis=1)
    pairs = np.unique(np.concatenate([with_first, with_previous]), axis=0)
    return pairs[:, 0], pairs[:, 1]
