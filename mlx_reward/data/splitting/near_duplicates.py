"""Prompts that are nearly the same: those whose shingles have a high Jaccard similarity.

MinHash and locality-sensitive hashing find candidates (Broder 1997, "On the resemblance and
containment of documents"; Leskovec et al., "Mining of Massive Datasets", chapter 3); each is then
compared exactly.
"""

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from datasketch import MinHash

from mlx_reward.data.splitting.forest import Forest
from mlx_reward.data.splitting.shingles import hashed, shingles

PERMUTATIONS = 128
MISSED = 0.005  # of the pairs of exactly the similarity asked for, and fewer of those above it
WINDOW = 100  # texts of one bucket with which each is compared
CHUNK = 4096  # texts written, or pairs compared, at once

Indices = npt.NDArray[np.int64]


def _identity(value: Any) -> Any:
    return value


_EMPTY = MinHash(PERMUTATIONS, seed=1, hashfunc=_identity)  # shingles come hashed


def signature(hashes: "npt.NDArray[np.uint32]") -> "npt.NDArray[np.uint32]":
    """Return the MinHash signature (PERMUTATIONS,) of the hashed shingles of a text.

    The share of equal entries of two signatures estimates the Jaccard similarity.
    """
    sketch = _EMPTY.copy()
    sketch.update_batch(hashes.tolist())
    return np.asarray(sketch.hashvalues, np.uint32)


def rows_of_a_band(similarity: float) -> int:
    """Return how many entries of the signature a band has: two texts with an equal band compare.

    It is the longest band, and so the fewest candidates, with which at most MISSED of the pairs of
    that ``similarity`` have no band in common, or 1. datasketch weighs both errors over all
    similarities instead, and misses half of the pairs that just reach the threshold.
    """
    found = 1
    for rows in range(1, PERMUTATIONS + 1):
        bands = PERMUTATIONS // rows
        if (1 - similarity**rows) ** bands <= MISSED:
            found = rows
    return found


class NearDuplicates:
    """Many texts, kept in files of ``folder``: 512 bytes, and 4 more for each shingle."""

    def __init__(self, folder: Path) -> None:
        self._signatures = folder / "signatures"
        self._shingles = folder / "shingles"
        self._signatures.write_bytes(b"")
        self._shingles.write_bytes(b"")
        self._unwritten: list[npt.NDArray[np.uint32]] = []
        self._ends = array("Q", [0])  # of each text's shingles in their file

    def add(self, text: str) -> None:
        """Add a text; they are numbered from 0 in the order in which they are added."""
        hashes = hashed(shingles(text))
        self._unwritten.append(hashes)
        self._ends.append(self._ends[-1] + len(hashes))
        if len(self._unwritten) == CHUNK:
            self._write()

    def links(self, similarity: float) -> Iterator[tuple[int, int]]:
        """Yield pairs of numbers that connect the texts which are at least that similar.

        Of texts that are connected already, no more pairs are yielded.
        """
        count = len(self._ends) - 1
        if count < 2:
            return
        self._write()
        table = np.memmap(self._signatures, np.uint32, "r", shape=(count, PERMUTATIONS))
        shingles = np.memmap(self._shingles, np.uint32, "r")
        forest = Forest(count)
        rows = rows_of_a_band(similarity)
        # An estimate is off by more than four standard deviations once in 16,000 times.
        slack = 4 * np.sqrt(similarity * (1 - similarity) / PERMUTATIONS)
        for band in range(0, PERMUTATIONS - rows + 1, rows):
            entries = np.ascontiguousarray(table[:, band : band + rows])
            for a, b in _candidates(entries, forest):
                alike = (table[a] == table[b]).mean(axis=1) >= similarity - slack
                for one, other in zip(a[alike].tolist(), b[alike].tolist(), strict=True):
                    if self._jaccard(shingles, one, other) >= similarity:
                        forest.join(one, other)
                        yield one, other

    def _jaccard(self, shingles: "npt.NDArray[np.uint32]", one: int, other: int) -> float:
        a = shingles[self._ends[one] : self._ends[one + 1]]
        b = shingles[self._ends[other] : self._ends[other + 1]]
        shared = len(np.intersect1d(a, b, assume_unique=True))
        return shared / (len(a) + len(b) - shared)

    def _write(self) -> None:
        with self._signatures.open("ab") as file:
            file.writelines(signature(hashes).tobytes() for hashes in self._unwritten)
        with self._shingles.open("ab") as file:
            file.writelines(hashes.tobytes() for hashes in self._unwritten)
        self._unwritten.clear()


def _candidates(
    band: "npt.NDArray[np.uint32]", forest: Forest
) -> Iterator[tuple[Indices, Indices]]:
    """Yield texts (a, b) in chunks whose entries in ``band`` (N, rows) are all equal.

    Texts with equal entries form a bucket; each is paired with the WINDOW before it, but for those
    that ``forest`` connects already.
    """
    keys = band.view([("", band.dtype)] * band.shape[1]).ravel()  # (N,) one comparable value a text
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begins_bucket = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    place = np.arange(len(order))
    depth = place - np.maximum.accumulate(np.where(begins_bucket, place, 0))  # in the bucket
    for distance in range(1, WINDOW + 1):
        place = place[depth[place] >= distance]
        if not len(place):
            return
        for start in range(0, len(place), CHUNK):
            later = place[start : start + CHUNK]
            a = order[later]
            b = order[later - distance]
            apart = forest.roots(a) != forest.roots(b)
            yield a[apart], b[apart]
