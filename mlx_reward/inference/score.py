"""Rewards for rows of every accepted shape: one response, several, a conversation, a pair."""

from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from mlx_reward.data.formats.convert import FORMATS, convert
from mlx_reward.data.formats.groups import LISTS, TEXTS
from mlx_reward.data.formats.prompts import has_prompt, prompt_of
from mlx_reward.data.formats.row import BadRow, Doubtful, first_of
from mlx_reward.engine.scores import Scores
from mlx_reward.inference.output_rows import (
    PLURAL,
    Output,
    Row,
    Unusable,
    unusable,
    without_results,
)
from mlx_reward.inference.penalty import penalize
from mlx_reward.inference.reward_model import EncodedText, Normalization, RewardModel
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError

PAIR_FIELDS = ("_chosen", "_rejected")  # ends of the names of a pair's results
SHAPES = (
    "prompt and response, prompt and responses, messages, or a preference of any format that "
    "data.source reads, such as prompt, chosen and rejected"
)
CONVERSATIONS = ("messages", "conversations")
SINGLE = ("response", "completion")


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
    asked = [_asked(model, row) for row in rows]
    found = model.scores([text for one in asked for text in one.texts])
    penalized = penalize(found.rewards, found.uncertainties, uncertainty_penalty)
    rewards = model.normalized(penalized, normalize).tolist()
    others = _others(model, found, distance)
    scores = map(Score._make, zip(rewards, found.rewards.tolist(), others, strict=True))
    scored = [_with_scores(model, one, list(islice(scores, len(one.texts)))) for one in asked]
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


@dataclass(frozen=True)
class Asked:
    """A row, its texts, and the fields that their scores go to: {name's end: how many of them}."""

    row: Row
    texts: list[EncodedText]
    fields: dict[str, int | None]  # None is one number, else a list of so many


def _asked(model: RewardModel, row: Row | BadRow) -> Asked:
    """Return what is to be scored of a row; one that cannot be scored gets ``error`` alone."""
    if isinstance(row, BadRow):
        return Asked(unusable({}, str(row)), [], {})
    row = without_results(row)
    try:
        return _read(model, row)
    except (InputError, BadRow) as error:
        return Asked(unusable(row, str(error)), [], {})


def _read(model: RewardModel, row: Row) -> Asked:
    conversation = next((name for name in CONVERSATIONS if name in row), None)
    if conversation is not None and "chosen" not in row:
        return Asked(row, [model.encode_messages(row[conversation], conversation)], {"": None})
    responses = next((name for name in LISTS if _is_filled(row.get(name))), None)
    if responses is not None and "fields" not in row:  # Argilla's responses are those of annotators
        return _several(model, row, [_response(item) for item in row[responses]])
    single = next((name for name in SINGLE if name in row), None)
    if single is not None:
        return Asked(row, [model.encode(prompt_of(row), row[single])], {"": None})
    return _preference(model, row)


def _several(model: RewardModel, row: Row, responses: list[Any]) -> Asked:
    """Read a row with several ``responses``, which it gets by that name, as well as its prompt."""
    prompt = prompt_of(row)
    named = {"prompt": row.get("prompt", prompt), "responses": responses}
    texts = list(model.encode_responses(prompt, responses))
    return Asked(row | named, texts, {"s": len(responses)})


def _preference(model: RewardModel, row: Row) -> Asked:
    """Read a row of any format of preferences: its chosen responses, then its rejected ones."""
    if not any(format.fits(row) for format in FORMATS):
        missing = "response" if has_prompt(row) else "prompt"
        raise InputError(f"field '{missing}' is missing; a row needs {SHAPES}")
    try:
        found = [pair for pair in convert(row) if isinstance(pair, dict)]
    except Doubtful as doubt:  # which number prefers which response, other rows must tell
        return _several(model, row, [row.get(side) for side in doubt.sides])
    if not found:
        raise InputError("it prefers neither response; name them in a list, 'responses'")
    prompt = found[0]["prompt"]
    chosen = list(dict.fromkeys(pair["chosen"] for pair in found))
    rejected = list(dict.fromkeys(pair["rejected"] for pair in found))
    texts = list(model.encode_responses(prompt, [*chosen, *rejected]))
    if len(found) == 1:
        return Asked(row, texts, dict.fromkeys(PAIR_FIELDS))
    counts = (len(chosen), len(rejected))
    return Asked(row, texts, dict(zip(PAIR_FIELDS, counts, strict=True)))


def _is_filled(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


def _response(item: Any) -> Any:
    """Return the text of a response, which may be an object that has its own score."""
    if isinstance(item, dict) and "role" not in item:
        return item.get(first_of(item, TEXTS) or "text")
    return item


def _with_scores(model: RewardModel, asked: Asked, scores: list[Score]) -> Row:
    """Return the row with the scores of its responses as fields."""
    if not scores:
        return asked.row
    numbers = [number for s in scores for number in (s.reward, s.raw, *s.others.values())]
    if not np.isfinite(numbers).all():
        return unusable(asked.row, "the model's reward for this text is no finite number")
    values = {"reward": [score.reward for score in scores]}
    for name in scores[0].others:
        values[name] = [score.others[name] for score in scores]
    row = dict(asked.row)
    for name, of_all in values.items():
        remaining = iter(of_all)
        for end, count in asked.fields.items():
            field = PLURAL[name] if end == "s" else name + end
            row[field] = next(remaining) if count is None else list(islice(remaining, count))
    if asked.fields == dict.fromkeys(PAIR_FIELDS):
        chosen, rejected = scores
        row["probability"] = model.probability(chosen.raw - rejected.raw)
    return row


def _sorted(row: Row) -> Row:
    if isinstance(row, Unusable):
        return row
    if "rewards" not in row:
        return unusable(row, "field 'responses' is missing; ranking needs a list of them")
    rewards = row["rewards"]
    order = sorted(range(len(rewards)), key=lambda i: -rewards[i])
    fields = [field for field in ("responses", *PLURAL.values()) if field in row]
    return row | {field: [row[field][i] for i in order] for field in fields} | {"order": order}
