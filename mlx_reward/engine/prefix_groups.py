"""Texts that begin with the same tokens, as groups: the shared prefix runs once, then what follows
it in each text.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import takewhile


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


def group_by_prefix(
    texts: Sequence[list[int]], prompts: Sequence[Hashable], share: bool = True
) -> list[PrefixGroup]:
    """Group ``texts`` with the same entry in ``prompts``, longest first.

    Without ``share`` every text stands alone.
    """
    by_prompt: dict[Hashable, list[int]] = {}
    for i, prompt in enumerate(prompts):
        by_prompt.setdefault(prompt if share else i, []).append(i)
    groups = [_group(texts, text_ids) for text_ids in by_prompt.values()]
    return sorted(groups, key=lambda group: -group.longest)


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


def token_batches(
    texts: Sequence[list[int]], prompts: Sequence[Hashable], tokens: int, share: bool = True
) -> list[list[int]]:
    """Return indices of ``texts`` in batches of about ``tokens`` tokens to run, the longest texts
    first.

    A group that fits into one batch is never divided between two.
    """
    batches: list[list[int]] = []
    room = 0
    for group in group_by_prefix(texts, prompts, share):
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
