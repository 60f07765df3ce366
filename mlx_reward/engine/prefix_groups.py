"""Texts that begin with the same tokens, as groups: the shared prefix runs once, then what follows
it in each text, as padded batches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from mlx_reward.engine.prefix_tree import sort_texts

MIN_PREFIX = 8  # tokens; a shorter prefix is not worth a pass of its own
MOST_TEXTS = 128  # of a group, so that grouping takes time linear in the number of texts
PREFIX_STEP = 32  # an accelerator's prefixes are cut to a multiple of it
PASS_TOKENS = 512  # an accelerator's pass is taken to cost as much as so many tokens more


@dataclass(frozen=True)
class PrefixGroup:
    """``text_ids`` index a list of texts that all begin with the same ``prefix_length`` tokens and
    go on for at least one more.

    ``longest`` is the length of the longest of them.
    """

    text_ids: list[int]
    prefix_length: int
    longest: int

    @property
    def padded_suffix(self) -> int:
        """Tokens behind the prefix of the longest text, to which the others would be padded."""
        return self.longest - self.prefix_length

    @property
    def tokens(self) -> int:
        """Tokens to run: the prefix once, and every text's own part padded to the longest."""
        return self.prefix_length + len(self.text_ids) * self.padded_suffix


def group_by_prefix(texts: Sequence[list[int]], share: bool = True) -> list[PrefixGroup]:
    """Group ``texts`` by what they begin with in common, so that most tokens are saved; the group
    of the longest text first.

    Without ``share`` every text stands alone.
    """
    ordered = sort_texts(texts, share)
    groups = [
        _group(texts, ordered.text_ids[start:stop]) for start, stop in _best_cuts(ordered.shared)
    ]
    return sorted(groups, key=lambda group: -group.longest)


def _best_cuts(shared: list[int]) -> list[tuple[int, int]]:
    """Return where each group starts and stops among sorted texts, by dynamic programming.

    ``shared``: as of ``SortedTexts``. A group saves its prefix for each text but the first.
    """
    saved = [0] * (len(shared) + 1)  # of the first so many texts
    start_of = [0] * (len(shared) + 1)  # of the group that ends there
    for stop in range(1, len(shared) + 1):
        saved[stop], start_of[stop] = saved[stop - 1], stop - 1
        prefix = shared[stop - 1]
        for start in range(stop - 2, max(stop - MOST_TEXTS, 0) - 1, -1):
            prefix = min(prefix, shared[start + 1])
            if prefix < MIN_PREFIX:
                break
            together = saved[start] + (stop - start - 1) * prefix
            if together > saved[stop]:
                saved[stop], start_of[stop] = together, start
    cuts: list[tuple[int, int]] = []
    stop = len(shared)
    while stop > 0:
        cuts.append((start_of[stop], stop))
        stop = start_of[stop]
    return cuts[::-1]


def _group(texts: Sequence[list[int]], text_ids: list[int]) -> PrefixGroup:
    longest = max(len(texts[i]) for i in text_ids)
    prefix = common_prefix([texts[i] for i in text_ids]) if len(text_ids) > 1 else 0
    return PrefixGroup(text_ids, prefix, longest)


def distinct(texts: Sequence[list[int]]) -> tuple[list[int], list[int]]:
    """Return the indices of the first of each group of equal ``texts``, and for each text its
    group.
    """
    places: dict[tuple[int, ...], int] = {}
    firsts: list[int] = []
    groups: list[int] = []
    for i, text in enumerate(texts):
        key = tuple(text)
        if key not in places:
            places[key] = len(firsts)
            firsts.append(i)
        groups.append(places[key])
    return firsts, groups


def common_prefix(texts: Sequence[list[int]]) -> int:
    """Return how many tokens all ``texts`` begin with in common, leaving at least one token of each
    behind it.
    """
    columns = zip(*(text[:-1] for text in texts), strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def with_one_prefix_length(groups: Sequence[PrefixGroup]) -> list[PrefixGroup]:
    """Cut the prefixes of ``groups`` to one length or to nothing, so that few passes run them all.

    An accelerator runs one pass over much quicker than many over little, and a pass takes prefixes
    of one length only.
    """
    lengths = {group.prefix_length // PREFIX_STEP * PREFIX_STEP for group in groups}
    best = min(sorted(lengths | {0}), key=lambda length: _cost(groups, length))
    return [
        PrefixGroup(g.text_ids, best if g.prefix_length >= best else 0, g.longest) for g in groups
    ]


def _cost(groups: Sequence[PrefixGroup], length: int) -> int:
    """Return the tokens to run, padding and PASS_TOKENS for each pass with them, if groups whose
    prefix is at least ``length`` share so much of it.
    """
    sharing = [group for group in groups if 0 < length <= group.prefix_length]
    whole = [group for group in groups if not 0 < length <= group.prefix_length]
    prefixes = len(sharing) * length + PASS_TOKENS if sharing else 0
    return prefixes + _pass(sharing, length) + _pass(whole, 0)


def _pass(groups: Sequence[PrefixGroup], prefix_length: int) -> int:
    if not groups:
        return 0
    texts = sum(len(group.text_ids) for group in groups)
    return texts * (max(group.longest for group in groups) - prefix_length) + PASS_TOKENS


def balance(
    groups: Sequence[PrefixGroup], texts: Sequence[list[int]], parts: int
) -> list[list[PrefixGroup]]:
    """Deal ``groups`` to at most ``parts`` parts of about equal work.

    The group of most texts is cut in two, again and again, as long as that fills an empty part or
    makes the largest part at least 10 % smaller; each half then runs the prefix for itself.
    """
    dealt = _deal(groups, parts)
    widest = max(groups, key=lambda group: len(group.text_ids))
    if len(widest.text_ids) == 1:
        return dealt
    halves = [_group(texts, widest.text_ids[::2]), _group(texts, widest.text_ids[1::2])]
    finer = [group for group in groups if group is not widest] + halves
    fills_a_part = len(dealt) < parts
    if fills_a_part or _largest(_deal(finer, parts)) < 0.9 * _largest(dealt):
        return balance(finer, texts, parts)
    return dealt


def _deal(groups: Sequence[PrefixGroup], parts: int) -> list[list[PrefixGroup]]:
    """Give each group, the largest first, to the part that has least to do so far."""
    dealt: list[list[PrefixGroup]] = [[] for _ in range(min(parts, len(groups)))]
    for group in sorted(groups, key=lambda group: -group.tokens):
        min(dealt, key=_tokens).append(group)
    return dealt


def _tokens(part: list[PrefixGroup]) -> int:
    return sum(group.tokens for group in part)


def _largest(dealt: list[list[PrefixGroup]]) -> int:
    return max(map(_tokens, dealt))


def token_batches(texts: Sequence[list[int]], tokens: int, share: bool = True) -> list[list[int]]:
    """Return indices of ``texts`` in batches of about ``tokens`` tokens to run, the longest texts
    first.

    A group that fits into one batch is never divided between two.
    """
    batches: list[list[int]] = []
    room = 0
    for group in group_by_prefix(texts, share):
        fits_a_batch_but_not_this_one = room < group.tokens <= tokens
        if fits_a_batch_but_not_this_one:
            room = 0
        for i in sorted(group.text_ids, key=lambda i: -len(texts[i])):
            runs_the_prefix = i == group.text_ids[0]
            need = group.padded_suffix + (group.prefix_length if runs_the_prefix else 0)
            if need > room:
                batches.append([])
                room = tokens
            batches[-1].append(i)
            room -= need
    return batches
