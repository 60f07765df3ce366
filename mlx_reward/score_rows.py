"""Rewards for rows of any of the shapes that people score: one response, several, a conversation, a pair."""

from typing import Any

from scipy.special import expit

from mlx_reward.errors import InputError
from mlx_reward.formats.row import BadRow
from mlx_reward.reward_model import Normalization, RewardModel

Row = dict[str, Any]
SHAPES = "prompt and response, prompt and responses, messages, or prompt, chosen and rejected"


def score_rows(model: RewardModel, rows: list[Row | BadRow], normalize: Normalization | None = None) -> list[Row]:
    """Each row with its rewards; one that cannot be scored comes back with ``error`` instead."""
    encoded = [_encode(model, row) for row in rows]
    texts = [text for _, found in encoded for text in found]
    rewards = iter(model.normalized(model.score_tokens(texts), normalize).tolist())
    return [_finish(model, row, [next(rewards) for _ in found]) for row, found in encoded]


def rank_rows(model: RewardModel, rows: list[Row | BadRow]) -> list[Row]:
    """Rows with ``responses`` sorted best first, ``rewards`` with them, and in ``order`` their places before."""
    return [_sorted(row) for row in score_rows(model, rows)]


def _encode(model: RewardModel, row: Row | BadRow) -> tuple[Row, list[tuple[str, list[int]]]]:
    if isinstance(row, BadRow):
        return {"error": str(row)}, []
    try:
        return row, [model.encode(prompt, response) for prompt, response in _texts(row)]
    except InputError as error:
        return row | {"error": str(error)}, []


def _texts(row: Row) -> list[tuple[Any, Any]]:
    """The (prompt, response) pairs of a row."""
    if "messages" in row:
        messages = row["messages"]
        if not isinstance(messages, list) or not messages or not isinstance(messages[-1], dict):
            raise InputError("field 'messages' is not a list of messages")
        return [(messages[:-1], messages[-1].get("content"))]
    if "prompt" not in row:
        raise InputError(f"field 'prompt' is missing; a row needs {SHAPES}")
    if isinstance(row.get("responses"), list) and row["responses"]:
        return [(row["prompt"], response) for response in row["responses"]]
    names = ("chosen", "rejected") if "chosen" in row else ("response",)
    if any(name not in row for name in names):
        raise InputError(f"field '{next(n for n in names if n not in row)}' is missing; a row needs {SHAPES}")
    return [(row["prompt"], row[name]) for name in names]


def _finish(model: RewardModel, row: Row, rewards: list[float]) -> Row:
    if not rewards:
        return row
    if "messages" not in row and isinstance(row.get("responses"), list):
        return row | {"rewards": rewards}
    if len(rewards) == 1:
        return row | {"reward": rewards[0]}
    chance = float(expit((rewards[0] - rewards[1]) / model.temperature))
    return row | {"reward_chosen": rewards[0], "reward_rejected": rewards[1], "probability": chance}


def _sorted(row: Row) -> Row:
    if "error" in row:
        return row
    if "rewards" not in row:
        return row | {"error": "field 'responses' is missing; ranking needs a list of them"}
    order = sorted(range(len(row["rewards"])), key=lambda i: -row["rewards"][i])
    return row | {name: [row[name][i] for i in order] for name in ("responses", "rewards")} | {"order": order}
