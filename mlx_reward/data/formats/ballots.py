"""What several judges say of several responses, counted."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from mlx_reward.data.formats.conversation import read_prompt
from mlx_reward.data.formats.pair_row import PairRow, pair_row
from mlx_reward.data.formats.row import BadRow, Judged, Row, Tie, text

Ballot = dict[str, float]  # the rank that one judge gives each response; the lowest is best


def count_ballots(
    prompt: object, responses: dict[str, Any], ballots: list[Ballot], row: Row
) -> Iterator[PairRow | Tie]:
    """Yield a pair for every two responses of which more judges prefer one, else a tie.

    Both carry the votes. It is a tie, too, where most judges prefer neither. Subset and the like
    are taken from ``row``.
    """
    if not ballots:
        raise BadRow("no judge's verdict is in this row")
    for first, second in combinations(responses, 2):
        votes = count_votes([ballot[first] - ballot[second] for ballot in ballots])
        for_first, for_second, neither = votes
        lean = majority(votes)
        if lean == 0:
            yield tie(prompt, (responses[first], responses[second]), votes)
            continue
        chosen, rejected = (first, second) if lean < 0 else (second, first)
        pair = pair_row(prompt, responses[chosen], responses[rejected], row)
        yield with_votes(pair, max(for_first, for_second), min(for_first, for_second), neither)


def count_votes(leans: list[float]) -> tuple[int, int, int]:
    """Return how many judges are for the first response, for the second, and for neither.

    A judge's lean is below zero where the first response is better, above where the second is.
    """
    for_first = sum(lean < 0 for lean in leans)
    for_second = sum(lean > 0 for lean in leans)
    return for_first, for_second, len(leans) - for_first - for_second


def majority(votes: tuple[int, int, int]) -> int:
    """Return the lean of all judges together: zero where most of them prefer neither, too."""
    for_first, for_second, neither = votes
    return 0 if neither > max(for_first, for_second) else for_second - for_first


def tie(prompt: object, responses: tuple[Any, Any], votes: tuple[int, int, int]) -> Tie:
    """Return the tie of two responses that no majority prefers."""
    first, second = responses
    judged = Judged(
        read_prompt("prompt", prompt), (text("response", first), text("response", second)), votes
    )
    return Tie("as many judges prefer one response as the other", judged)


def with_votes(pair: PairRow, for_chosen: int, for_rejected: int, neither: int) -> PairRow:
    """Return ``pair`` with how its judges voted."""
    pair["votes"] = [for_chosen, for_rejected]
    if neither:
        pair["tied_votes"] = neither
    return pair
