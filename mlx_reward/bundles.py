"""Texts of one prompt as a bundle: the tokens they begin with in common, once, and what follows in each."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import takewhile


@dataclass(frozen=True)
class Bundle:
    """``members`` index a list of texts that all begin with the same ``prefix`` tokens and go on for at least one more."""

    members: list[int]
    prefix: int
    longest: int

    @property
    def tokens(self) -> int:
        """Tokens to run, the prefix once and every continuation padded to the longest."""
        return self.prefix + len(self.members) * (self.longest - self.prefix)


def bundle(texts: Sequence[list[int]], prompts: Sequence[Hashable], share: bool = True) -> list[Bundle]:
    """Bundles of ``texts`` with the same entry in ``prompts``, longest first. Without ``share`` every text stands alone."""
    together: dict[Hashable, list[int]] = {}
    for i, prompt in enumerate(prompts):
        together.setdefault(prompt if share else i, []).append(i)
    return sorted((_bundle(texts, members) for members in together.values()), key=lambda b: -b.longest)


def _bundle(texts: Sequence[list[int]], members: list[int]) -> Bundle:
    longest = max(len(texts[i]) for i in members)
    return Bundle(members, common_prefix([texts[i] for i in members]) if len(members) > 1 else 0, longest)


def common_prefix(texts: Sequence[list[int]]) -> int:
    """How many tokens all ``texts`` begin with in common, leaving at least one token of each behind it."""
    columns = zip(*(text[:-1] for text in texts), strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def spread(bundles: Sequence[Bundle], texts: Sequence[list[int]], parts: int) -> list[list[Bundle]]:
    """``bundles`` dealt to at most ``parts`` parts of about equal work; a bundle is cut in two where that evens them out."""
    dealt = _deal(bundles, parts)
    widest = max(bundles, key=lambda b: len(b.members))
    if len(widest.members) == 1:
        return dealt
    halves = [_bundle(texts, half) for half in (widest.members[::2], widest.members[1::2])]
    other = [b for b in bundles if b is not widest] + halves
    better = len(dealt) < parts or _longest(_deal(other, parts)) < 0.9 * _longest(dealt)
    return spread(other, texts, parts) if better else dealt


def _deal(bundles: Sequence[Bundle], parts: int) -> list[list[Bundle]]:
    """Each bundle, the largest first, to the part that has least to do so far."""
    dealt: list[list[Bundle]] = [[] for _ in range(min(parts, len(bundles)))]
    for b in sorted(bundles, key=lambda b: -b.tokens):
        min(dealt, key=_tokens).append(b)
    return dealt


def _tokens(part: list[Bundle]) -> int:
    return sum(b.tokens for b in part)


def _longest(dealt: list[list[Bundle]]) -> int:
    return max(map(_tokens, dealt))


def batches(texts: Sequence[list[int]], prompts: Sequence[Hashable], tokens: int, share: bool = True) -> list[list[int]]:
    """Indices of texts in batches of about ``tokens`` tokens to run, longest first; a bundle that fits into one stays whole."""
    found: list[list[int]] = []
    room = 0
    for b in bundle(texts, prompts, share):
        if room < b.tokens <= tokens:
            room = 0
        for i in sorted(b.members, key=lambda i: -len(texts[i])):
            need = b.longest - b.prefix + (b.prefix if i == b.members[0] else 0)
            if need > room:
                found.append([])
                room = tokens
            found[-1].append(i)
            room -= need
    return found
