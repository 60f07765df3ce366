"""Rewards for rows of every accepted shape: one response, several, a conversation, a pair."""

from itertools import islice
from typing import Any

import numpy as np

from mlx_reward.data.formats.row import BadRow
from mlx_reward.inference.output_rows import Row, Unusable, unusable, without_results
from mlx_reward.inference.reward_model import EncodedText, Normalization, RewardModel, penalize
from mlx_reward.utils.errors import InputError

SIDES = ("chosen", "rejected")
PLURAL = {"reward": "rewards", "uncertainty": "uncertainties"}
SHAPES = "prompt and response, prompt and responses, messages, or prompt, chosen and rejected"


def score_rows(
    model: RewardModel,
    rows: list[Row | BadRow],
    normalize: Normalization | None = None,
    uncertainty_penalty: float = 0.0,
) -> list[Row]:
    """Return each row with its rewards, or with ``error`` if it cannot be scored.

    Rows of an ensemble get their uncertainties too, in raw units. What a row brings under the names
    of results is replaced or removed.
    """
    encoded = [_encode_row(model, row) for row in rows]
    rewards, uncertainties = model.score_tokens([text for _, texts in encoded for text in texts])
    rewards = model.normalized(penalize(rewards, uncertainties, uncertainty_penalty), normalize)
    scores = zip(rewards.tolist(), uncertainties.tolist(), strict=True)
    return [_with_scores(model, row, list(islice(scores, len(texts)))) for row, texts in encoded]


def rank_rows(
    model: RewardModel, rows: list[Row | BadRow], uncertainty_penalty: float = 0.0
) -> list[Row]:
    """Return rows with ``responses`` sorted best first, and ``rewards`` with them.

    ``order`` holds each response's position before sorting.
    """
    scored = score_rows(model, rows, uncertainty_penalty=uncertainty_penalty)
    return [_sorted(row) for row in scored]


def _encode_row(model: RewardModel, row: Row | BadRow) -> tuple[Row, list[EncodedText]]:
    """Return the row and its texts; a row that cannot be scored gets ``error`` and has none."""
    if isinstance(row, BadRow):
        return unusable({}, str(row)), []
    row = without_results(row)
    try:
        if "messages" in row:
            return row, [model.encode_messages(row["messages"])]
        return row, [model.encode(prompt, response) for prompt, response in _conversations(row)]
    except InputError as error:
        return unusable(row, str(error)), []


def _conversations(row: Row) -> list[tuple[Any, Any]]:
    """Return the (prompt, response) tuples of a row without messages."""
    if "prompt" not in row:
        raise InputError(f"field 'prompt' is missing; a row needs {SHAPES}")
    if isinstance(row.get("responses"), list) and row["responses"]:
        return [(row["prompt"], response) for response in row["responses"]]
    fields = SIDES if "chosen" in row else ("response",)
    for field in fields:
        if field not in row:
            raise InputError(f"field '{field}' is missing; a row needs {SHAPES}")
    return [(row["prompt"], row[field]) for field in fields]


def _with_scores(model: RewardModel, row: Row, scores: list[tuple[float, float]]) -> Row:
    """Return the row with the (reward, uncertainty) tuples of its responses as fields."""
    if not scores:
        return row
    if not np.isfinite(scores).all():
        return unusable(row, "the model's reward for this text is no finite number")
    values = {"reward": [reward for reward, _ in scores]}
    if model.has_uncertainty:
        values["uncertainty"] = [uncertainty for _, uncertainty in scores]
    if "messages" not in row and isinstance(row.get("responses"), list):
        return row | {PLURAL[name]: numbers for name, numbers in values.items()}
    if len(scores) == 1:
        return row | {name: numbers[0] for name, numbers in values.items()}
    fields = {
        f"{name}_{side}": number
        for name, numbers in values.items()
        for side, number in zip(SIDES, numbers, strict=True)
    }
    margin = fields["reward_chosen"] - fields["reward_rejected"]
    return row | fields | {"probability": model.probability(margin)}


def _sorted(row: Row) -> Row:
    if isinstance(row, Unusable):
        return row
    if "rewards" not in row:
        return unusable(row, "field 'responses' is missing; ranking needs a list of them")
    rewards = row["rewards"]
    order = sorted(range(len(rewards)), key=lambda i: -rewards[i])
    fields = [field for field in ("responses", *PLURAL.values()) if field in row]
    return row | {field: [row[field][i] for i in order] for field in fields} | {"order": order}
