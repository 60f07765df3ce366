"""Prompts that are nearly the same, by MinHash (Broder 1997) over word pairs and locality-sensitive hashing."""

import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from datasketch import MinHash

PERMUTATIONS = 128
ROWS = 4  # a band; 32 bands of 4 miss two texts of similarity 0.7 once in 5,000 times
BLOCK = 4096


def _same(value: Any) -> Any:
    return value


_EMPTY = MinHash(PERMUTATIONS, seed=1, hashfunc=_same)


def signature(text: str) -> "np.ndarray[Any, np.dtype[np.uint32]]":
    """(PERMUTATIONS,) the share of equal entries of two signatures estimates the Jaccard similarity of their word pairs."""
    words = text.encode().split()
    pairs = [zlib.crc32(a + b" " + b) for a, b in pairwise(words)] or [zlib.crc32(text.encode())]
    sketch = _EMPTY.copy()
    sketch.update_batch(pairs)
    return np.asarray(sketch.hashvalues, np.uint32)


class Signatures:
    """Signatures of many texts, kept in a file of ``folder``: 512 bytes a text."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "signatures"
        self._path.write_bytes(b"")
        self._waiting: list[bytes] = []
        self._count = 0

    def add(self, text: str) -> None:
        """Texts count from 0 in the order in which they are added."""
        self._waiting.append(signature(text).tobytes())
        self._count += 1
        if len(self._waiting) == BLOCK:
            self._write()

    def near(self, similarity: float) -> Iterator[tuple[int, int]]:
        """Pairs of texts at least as similar; of a bucket of many, each is compared with the first and with the one before."""
        if self._count < 2:
            return
        self._write()
        table = np.memmap(self._path, np.uint32, "r", shape=(self._count, PERMUTATIONS))
        for band in range(0, PERMUTATIONS, ROWS):
            one, other = _candidates(np.ascontiguousarray(table[:, band : band + ROWS]))
            for start in range(0, len(one), BLOCK):
                a, b = one[start : start + BLOCK], other[start : start + BLOCK]
                alike = (table[a] == table[b]).mean(axis=1) >= similarity
                yield from zip(a[alike].tolist(), b[alike].tolist(), strict=True)

    def _write(self) -> None:
        with self._path.open("ab") as file:
            file.writelines(self._waiting)
        self._waiting.clear()


def _candidates(
    band: "np.ndarray[Any, Any]",
) -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]":
    """Texts (a, b), a after b in number, whose entries in ``band`` are all equal."""
    keys = band.view([("", band.dtype)] * ROWS).ravel()
    order = np.argsort(keys, kind="stable")
    new = np.concatenate([[True], keys[order][1:] != keys[order][:-1]])
    head = order[np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))]
    rest = np.flatnonzero(~new)
    pairs = np.stack(
        [np.tile(order[rest], 2), np.concatenate([head[rest], order[rest - 1]])], axis=1
    )
    pairs = np.unique(pairs, axis=0)
    return pairs[:, 0], pairs[:, 1]
