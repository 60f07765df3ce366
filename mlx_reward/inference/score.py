"""Rewards for rows of any of the shapes that people score: one response, several, a conversation, a pair."""

from typing import Any

from mlx_reward.data.formats.row import BadRow
from mlx_reward.inference.reward_model import Normalization, RewardModel
from mlx_reward.utils.errors import InputError

Row = dict[str, Any]
SIDES = ("chosen", "rejected")
PLURAL = {"reward": "rewards", "uncertainty": "uncertainties"}
SHAPES = "prompt and response, prompt and responses, messages, or prompt, chosen and rejected"


def score_rows(
    model: RewardModel,
    rows: list[Row | BadRow],
    normalize: Normalization | None = None,
    uncertainty_penalty: float = 0.0,
) -> list[Row]:
    """Each row with its rewards, of an ensemble with their uncertainties (raw units); ``error`` where it cannot be scored."""
    encoded = [_encode(model, row) for row in rows]
    rewards, uncertainties = model.score_tokens([text for _, found in encoded for text in found])
    scored = zip(
        model.normalized(rewards - uncertainty_penalty * uncertainties, normalize).tolist(),
        uncertainties.tolist(),
        strict=True,
    )
    return [_finish(model, row, [next(scored) for _ in found]) for row, found in encoded]


def rank_rows(
    model: RewardModel, rows: list[Row | BadRow], uncertainty_penalty: float = 0.0
) -> list[Row]:
    """Rows with ``responses`` sorted best first, ``rewards`` with them, and in ``order`` their places before."""
    return [
        _sorted(row) for row in score_rows(model, rows, uncertainty_penalty=uncertainty_penalty)
    ]


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
    names = SIDES if "chosen" in row else ("response",)
    if any(name not in row for name in names):
        raise InputError(
            f"field '{next(n for n in names if n not in row)}' is missing; a row needs {SHAPES}"
        )
    return [(row["prompt"], row[name]) for name in names]


def _finish(model: RewardModel, row: Row, scored: list[tuple[float, float]]) -> Row:
    if not scored:
        return row
    found = {"reward": [reward for reward, _ in scored]}
    if model.has_uncertainty:
        found["uncertainty"] = [uncertainty for _, uncertainty in scored]
    if "messages" not in row and isinstance(row.get("responses"), list):
        return row | {PLURAL[name]: values for name, values in found.items()}
    if len(scored) == 1:
        return row | {name: value for name, (value,) in found.items()}
    sides = {
        f"{name}_{side}": value
        for name, values in found.items()
        for side, value in zip(SIDES, values, strict=True)
    }
    return row | sides | {"probability": model.probability(found["reward"][0] - found["reward"][1])}


def _sorted(row: Row) -> Row:
    if "error" in row:
        return row
    if "rewards" not in row:
        return row | {"error": "field 'responses' is missing; ranking needs a list of them"}
    order = sorted(range(len(row["rewards"])), key=lambda i: -row["rewards"][i])
    sorted_too = [name for name in ("responses", *PLURAL.values()) if name in row]
    return row | {name: [row[name][i] for i in order] for name in sorted_too} | {"order": order}
