"""A text as a set of short pieces, of which near duplicates share most."""

import zlib
from collections.abc import Iterator
from itertools import groupby, pairwise

import numpy as np
import numpy.typing as npt
import regex

from mlx_reward.data.splitting.normalise import words

CHARACTERS = 5  # of a piece, in scripts that put few spaces
_FEW_SPACES = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")


def shingles(text: str) -> set[str]:
    """Return the pairs of adjacent words of a normalised text; a single word is returned itself.

    In scripts that put few spaces, such as Chinese, Japanese and Thai, a "word" would be a clause:
    there the pieces are all runs of CHARACTERS characters, spaces left out, and the outermost ones
    form pairs with the words around them.
    """
    if text.isascii() or not _FEW_SPACES.search(text):
        return {f"{a} {b}" for a, b in pairwise(text.split())} or {text}
    units = list(_units(text))
    pairs = {f"{a} {b}" for (a, a_whole), (b, b_whole) in pairwise(units) if a_whole or b_whole}
    return pairs | {unit for unit, whole in units if not whole} or {text}


def _units(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the words and runs of characters in order; True marks a word."""
    for few_spaces, adjacent in groupby(text.split(), lambda word: bool(_FEW_SPACES.search(word))):
        if not few_spaces:
            yield from ((word, True) for word in adjacent)
            continue
        run = "".join(adjacent)
        for start in range(max(1, len(run) - CHARACTERS + 1)):
            yield run[start : start + CHARACTERS], False


def vocabulary(text: str) -> set[str]:
    """Return the different words; pairs of characters where a script puts few spaces."""
    found = set(words(text))
    if text.isascii():
        return found
    clauses = {word for word in found if len(word) > 2 and _FEW_SPACES.search(word)}
    pairs = {a + b for clause in clauses for a, b in pairwise(clause)}
    return found - clauses | pairs


def hashed(pieces: set[str]) -> "npt.NDArray[np.uint32]":
    """Return the different hashes of ``pieces`` in rising order."""
    codes = [zlib.crc32(piece.encode()) for piece in pieces]
    return np.unique(np.array(codes, np.uint32))
