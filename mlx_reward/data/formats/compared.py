"""Rows that hold two responses side by side, and a verdict on them."""

import json
import re
from collections.abc import Iterator
from typing import Any

from mlx_reward.data.formats.ballots import count_votes, majority, tie, with_votes
from mlx_reward.data.formats.conversation import end_with_response, read_messages, read_response
from mlx_reward.data.formats.pair_row import SUBSET, PairRow, pair_row
from mlx_reward.data.formats.prompts import prompt_of
from mlx_reward.data.formats.row import BadRow, Contradictory, Row, Tie, first_of, is_given
from mlx_reward.data.formats.verdicts import (
    ARENA,
    ONE_TWO,
    SIGNED,
    Verdict,
    below_zero,
    leans_of_judges,
    sides,
    verdicts,
)
from mlx_reward.data.pair import Message, Prompt


def from_compared(row: Row) -> Iterator[PairRow | Tie]:
    """Convert two responses and a verdict.

    HelpSteer2 and 3 preference, Chatbot Arena, AlpacaFarm and AlpacaEval, JudgeBench, PandaLM,
    PKU-SafeRLHF, WebGPT and their like. The first verdict in the order of ``verdicts`` decides; if
    another prefers the other response, the row is Contradictory.
    """
    names = sides(row)
    if names is None:
        raise BadRow("no two responses, such as 'response_1' and 'response_2'")
    _refuse_third_response(names, row)
    found = verdicts(names, row)
    leans = leans_of_judges(row)
    if not found and not leans:
        raise BadRow(
            "no field says which response is better: 'winner', 'preference' or 'overall_preference'"
        )
    prompt, responses = _texts(row, names)
    votes = count_votes(leans or [found[0].lean])
    judges = Verdict("the judges' votes", majority(votes))
    decided = found[0] if found else judges
    for other in (*found, judges):
        if other.lean * decided.lean < 0:
            raise Contradictory(
                f"'{other.field}' prefers the other response than '{decided.field}'"
            )
    if decided.lean == 0:
        yield tie(prompt, responses, votes)
        return
    yield _pair(prompt, responses, decided, votes if leans else None, row)


def _pair(
    prompt: Prompt,
    responses: tuple[Any, Any],
    decided: Verdict,
    votes: tuple[int, int, int] | None,
    row: Row,
) -> PairRow:
    chosen, rejected = responses if decided.lean < 0 else reversed(responses)
    rest: Row = {field: row[field] for field in (*SUBSET, "agreement") if field in row}
    if votes is None and is_given(row.get("votes")):
        rest["votes"] = _winner_first(row["votes"])
    strength = _strength(decided, row)
    if strength is not None:
        rest["preference_strength"] = strength
    if decided.field in ONE_TWO:
        share = 0.5 + abs(decided.lean)
        rest |= {} if share == 1 else {"agreement": share}
    pair = pair_row(prompt, chosen, rejected, rest)
    if votes is None:
        return pair
    for_first, for_second, neither = votes
    for_chosen, for_rejected = (
        (for_first, for_second) if decided.lean < 0 else (for_second, for_first)
    )
    return with_votes(pair, for_chosen, for_rejected, neither)


def _winner_first(votes: Any) -> Any:
    """Return two counts, the larger first: the verdict says whose it is. Else, it is refused."""
    counts = isinstance(votes, list) and all(isinstance(count, int) for count in votes)
    return sorted(votes, reverse=True) if counts else votes


def _strength(decided: Verdict, row: Row) -> float | None:
    """Return how much better the better response is, where a number says so."""
    stated = first_of(row, (*SIGNED, "signed_preference", "strength", "margin"))
    if stated is not None:
        return abs(below_zero(stated, row[stated]))
    return abs(decided.lean) if decided.field.startswith("score") else None


def _refuse_third_response(names: tuple[str, str], row: Row) -> None:
    stem = re.escape(names[0][:-1])
    more = [field for field in row if re.fullmatch(stem + "[0-9a-eA-E]", field)]
    if len(more) > 2:
        raise BadRow(
            f"{len(more)} responses in fields of their own; give them as a list, 'responses'"
        )


def _texts(row: Row, names: tuple[str, str]) -> tuple[Prompt, tuple[Any, Any]]:
    """Return the prompt and the two responses."""
    first, second = names
    if ARENA[0] in row and str(row.get("prompt")).startswith("["):
        return _last_turns(
            names, _table_turns(row, first, row[first]), _table_turns(row, second, row[second])
        )
    if first.startswith("conversation"):
        turn = row.get("turn")
        return _last_turns(
            names, _up_to(first, row[first], turn), _up_to(second, row[second], turn)
        )
    prompt = prompt_of(row)
    return prompt, (
        read_response(first, row[first], prompt),
        read_response(second, row[second], prompt),
    )


def _last_turns(
    names: tuple[str, str], first: list[Message], second: list[Message]
) -> tuple[Prompt, tuple[str, str]]:
    """Return what both conversations begin with, and their last turns."""
    history, first_response = end_with_response(names[0], first)
    other_history, second_response = end_with_response(names[1], second)
    if history != other_history:
        raise BadRow("the two conversations differ before their last turns: there is no one prompt")
    return history, (first_response, second_response)


def _up_to(field: str, value: object, turn: object) -> list[Message]:
    """Return a conversation up to the answer that was judged, counted from 1 (MT-bench)."""
    messages = read_messages(field, value)
    if not is_given(turn):
        return messages
    answers = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    if not isinstance(turn, int) or not 1 <= turn <= len(answers):
        raise BadRow(f"field 'turn' is {str(turn)[:20]}, and '{field}' has {len(answers)} answers")
    return messages[: answers[turn - 1] + 1]


def _table_turns(row: Row, field: str, value: object) -> list[Message]:
    """Return the conversation of Chatbot Arena's table: JSON lists of questions and of answers."""
    try:
        questions, answers = json.loads(str(row["prompt"])), json.loads(str(value))
    except (ValueError, RecursionError):
        raise BadRow(f"fields 'prompt' and '{field}' must be JSON lists of turns") from None
    if not isinstance(answers, list) or len(questions) != len(answers):
        raise BadRow(f"fields 'prompt' and '{field}' must be JSON lists with as many turns")
    turns = []
    for question, answer in zip(questions, answers, strict=True):
        turns += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return read_messages(field, turns)
