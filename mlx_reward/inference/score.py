"""Rewards for rows of every accepted shape: one response, several, a conversation, a pair."""

from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from mlx_reward.data.formats.row import BadRow
from mlx_reward.inference.output_rows import Output, Row, Unusable, unusable, without_results
from mlx_reward.inference.penalty import penalize
from mlx_reward.inference.reward_model import EncodedText, Normalization, RewardModel
from mlx_reward.inference.scores import Scores
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError

SIDES = ("chosen", "rejected")
PLURAL = {
    "reward": "rewards",
    "uncertainty": "uncertainties",
    "uncertainty_between": "uncertainties_between",
    "uncertainty_within": "uncertainties_within",
    "distance": "distances",
}
SHAPES = "prompt and response, prompt and responses, messages, or prompt, chosen and rejected"


class Score(NamedTuple):
    """A reward as it was asked for, the raw reward, and what else is known of it by its name."""

    reward: float
    raw: float
    others: dict[str, float]


def score_rows(
    model: RewardModel,
    rows: list[Row | BadRow],
    normalize: Normalization | None = None,
    uncertainty_penalty: float = 0.0,
) -> list[Row]:
    """Return each row with its rewards, or with ``error`` if it cannot be scored.

    Rows get their uncertainties too where the model knows them, in raw units, and for an ensemble
    their two parts. ``probability`` is that of the raw margin, whatever is done to the rewards: the
    calibrator was fitted to raw margins. What a row brings under the names of results is replaced
    or removed.
    """
    return score_output(model, rows, normalize, uncertainty_penalty).rows


def score_output(
    model: RewardModel,
    rows: list[Row | BadRow],
    normalize: Normalization | None = None,
    uncertainty_penalty: float = 0.0,
    distance: bool = False,
) -> Output:
    """Return the same with the distances of all texts; rows hold theirs with ``distance``."""
    if distance and model.uncertainty is None:
        raise InputError(
            "--distance: the checkpoint has no uncertainty.safetensors beside it; "
            "run `dvc repro calibrate`"
        )
    encoded = [_encode_row(model, row) for row in rows]
    found = model.scores([text for _, texts in encoded for text in texts])
    penalized = penalize(found.rewards, found.uncertainties, uncertainty_penalty)
    rewards = model.normalized(penalized, normalize).tolist()
    others = _others(model, found, distance)
    scores = map(Score._make, zip(rewards, found.rewards.tolist(), others, strict=True))
    scored = [_with_scores(model, row, list(islice(scores, len(texts)))) for row, texts in encoded]
    distances = [] if model.uncertainty is None else found.distances.tolist()
    return Output(scored, distances=distances)


def rank_rows(
    model: RewardModel, rows: list[Row | BadRow], uncertainty_penalty: float = 0.0
) -> list[Row]:
    """Return rows with ``responses`` sorted best first, and ``rewards`` with them.

    ``order`` holds each response's position before sorting.
    """
    return rank_output(model, rows, uncertainty_penalty).rows


def rank_output(
    model: RewardModel, rows: list[Row | BadRow], uncertainty_penalty: float = 0.0
) -> Output:
    """Return the same with the distances of all texts."""
    output = score_output(model, rows, uncertainty_penalty=uncertainty_penalty)
    return Output([_sorted(row) for row in output.rows], distances=output.distances)


def _others(model: RewardModel, scores: Scores, distance: bool) -> list[dict[str, float]]:
    """Return what rows tell of each text besides its reward."""
    columns: dict[str, Array] = {}
    if model.has_uncertainty:
        columns["uncertainty"] = scores.uncertainties
    if model.is_ensemble and model.uncertainty is not None:
        columns["uncertainty_between"] = scores.between
        columns["uncertainty_within"] = scores.within
    if distance:
        columns["distance"] = scores.distances
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    if not columns:
        return [{} for _ in scores.rewards]
    return [dict(zip(columns, row, strict=True)) for row in rows]


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


def _with_scores(model: RewardModel, row: Row, scores: list[Score]) -> Row:
    """Return the row with the scores of its responses as fields."""
    if not scores:
        return row
    numbers = [number for s in scores for number in (s.reward, s.raw, *s.others.values())]
    if not np.isfinite(numbers).all():
        return unusable(row, "the model's reward for this text is no finite number")
    values = {"reward": [score.reward for score in scores]}
    for name in scores[0].others:
        values[name] = [score.others[name] for score in scores]
    if "messages" not in row and isinstance(row.get("responses"), list):
        return row | {PLURAL[name]: numbers for name, numbers in values.items()}
    if len(scores) == 1:
        return row | {name: numbers[0] for name, numbers in values.items()}
    fields = {
        f"{name}_{side}": number
        for name, numbers in values.items()
        for side, number in zip(SIDES, numbers, strict=True)
    }
    chosen, rejected = scores
    return row | fields | {"probability": model.probability(chosen.raw - rejected.raw)}


def _sorted(row: Row) -> Row:
    if isinstance(row, Unusable):
        return row
    if "rewards" not in row:
        return unusable(row, "field 'responses' is missing; ranking needs a list of them")
    rewards = row["rewards"]
    order = sorted(range(len(rewards)), key=lambda i: -rewards[i])
    fields = [field for field in ("responses", *PLURAL.values()) if field in row]
    return row | {field: [row[field][i] for i in order] for field in fields} | {"order": order}
