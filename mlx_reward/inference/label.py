"""DPO pairs, KTO and SFT rows out of scored responses, with TRL's and mlx-lm-lora's columns."""

import hashlib
import math
from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mlx_reward.data.formats.row import BadRow
from mlx_reward.evaluation.risk_control import check_max_error
from mlx_reward.inference.output_rows import Output, Row, Unusable, unusable
from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.inference.score import score_output
from mlx_reward.utils.errors import InputError

Form = Literal["dpo", "kto", "sft"]
Against = Literal["worst", "random", "all"]


@dataclass(frozen=True)
class Filters:
    """Bounds that a pair must meet to be kept."""

    min_probability: float = 0.5  # calibrated, that the chosen response is the better one
    max_uncertainty: float = math.inf  # of either reward, where the model is an ensemble
    max_length_ratio: float = math.inf  # characters of the longer response to those of the shorter
    max_error: float | None = None  # share of wrong pairs, at most, as in RewardModel.decide

    def __post_init__(self) -> None:
        for name, bound in vars(self).items():
            if bound is not None and math.isnan(bound):
                raise InputError(f"{name} is {bound}: not a number")
        if self.max_error is not None:
            check_max_error(self.max_error)

    def broken_by(self, pair: Row, is_sure: bool = True) -> str | None:
        """Return the option of the first bound that ``pair`` does not meet, or None.

        ``is_sure`` tells whether its raw margin keeps to ``max_error``.
        """
        uncertainty = max(
            pair.get("uncertainty_chosen", 0.0), pair.get("uncertainty_rejected", 0.0)
        )
        shorter, longer = sorted(len(pair[side]) for side in ("chosen", "rejected"))
        if pair["probability"] < self.min_probability:
            return "--min-probability"
        if not is_sure:
            return "--max-error"
        if uncertainty > self.max_uncertainty:
            return "--max-uncertainty"
        if longer > self.max_length_ratio * max(shorter, 1):
            return "--max-length-ratio"
        return None


def label_rows(
    model: RewardModel,
    rows: list[Row | BadRow],
    form: Form,
    against: Against,
    filters: Filters,
    uncertainty_penalty: float = 0.0,
) -> Output:
    """Return training rows out of rows with ``prompt`` and ``responses``.

    The best response is paired with the worst, a random one, or all others, and ``filters`` drops
    pairs. Form "dpo" returns the pairs, "kto" both sides of each as rows of their own, "sft" the
    best responses, which is rejection sampling. A row that cannot be used comes out with ``error``;
    pairs that were dropped, and rows without a pair, are counted.
    """
    labelled: list[Row] = []
    left_out: Counter[str] = Counter()
    least = -math.inf
    if filters.max_error is not None:
        least = model.decision_threshold(filters.max_error)
    scored = score_output(model, rows, uncertainty_penalty=uncertainty_penalty)
    for row in scored.rows:
        if not isinstance(row, Unusable) and "rewards" not in row:
            row = unusable(row, "field 'responses' is missing; labelling needs a list of them")
        if isinstance(row, Unusable):
            labelled.append(row)
            continue
        pairs = _pairs(model, row, against, uncertainty_penalty)
        margins = [_raw_margin(pair, uncertainty_penalty) for pair in pairs]
        broken = [
            filters.broken_by(pair, margin >= least)
            for pair, margin in zip(pairs, margins, strict=True)
        ]
        kept = [pair for pair, bound in zip(pairs, broken, strict=True) if bound is None]
        labelled += FORMS[form](kept)
        left_out.update(f"pairs beyond {bound}" for bound in broken if bound is not None)
        left_out["rows without two different responses"] += not pairs
    return Output(labelled, +left_out, scored.distances)


def _pairs(model: RewardModel, row: Row, against: Against, uncertainty_penalty: float) -> list[Row]:
    """Return the pairs of the best response with others; equal responses make no pair."""
    rewards = row["rewards"]
    order = sorted(range(len(rewards)), key=lambda i: -rewards[i])
    best = order[0]
    others = order[1:]
    if against == "worst":
        others = others[-1:]
    elif against == "random" and others:
        others = [others[int(_generator(row["prompt"]).integers(len(others)))]]
    responses = row["responses"]
    return [
        _pair(model, row, best, other, uncertainty_penalty)
        for other in others
        if responses[other] != responses[best]
    ]


def _pair(model: RewardModel, row: Row, best: int, other: int, uncertainty_penalty: float) -> Row:
    """Return a DPO pair of the responses at positions ``best`` and ``other``.

    Its probability is that of the raw margin, to which the calibrator was fitted: rewards less
    their uncertainties would make another number of it, which is no probability.
    """
    rewards = row["rewards"]
    pair = {"id": row["id"]} if "id" in row else {}
    pair |= {
        "prompt": row["prompt"],
        "chosen": row["responses"][best],
        "rejected": row["responses"][other],
        "reward_chosen": rewards[best],
        "reward_rejected": rewards[other],
    }
    if row.get("uncertainties"):
        pair["uncertainty_chosen"] = row["uncertainties"][best]
        pair["uncertainty_rejected"] = row["uncertainties"][other]
    return pair | {"probability": model.probability(_raw_margin(pair, uncertainty_penalty))}


def _raw_margin(pair: Row, uncertainty_penalty: float) -> float:
    """Return how much higher the reward of the chosen response is, before any penalty."""
    margin = float(pair["reward_chosen"] - pair["reward_rejected"])
    if "uncertainty_chosen" in pair:
        more = pair["uncertainty_chosen"] - pair["uncertainty_rejected"]
        margin += uncertainty_penalty * more
    return margin


def _dpo(pairs: list[Row]) -> list[Row]:
    return pairs


def _kto(pairs: list[Row]) -> list[Row]:
    """Return each response of the pairs once; ``label`` is True for a chosen one."""
    rows: dict[tuple[str, bool], Row] = {}
    for pair in pairs:
        for side, label in (("chosen", True), ("rejected", False)):
            rows.setdefault((pair[side], label), _one_side(pair, side) | {"label": label})
    return list(rows.values())


def _sft(pairs: list[Row]) -> list[Row]:
    """Return the best response, which is the chosen one of every pair."""
    if not pairs:
        return []
    row = _one_side(pairs[0], "chosen")
    return [_conversation(row) if isinstance(row["prompt"], list) else row]


def _one_side(pair: Row, side: str) -> Row:
    """Return {"prompt", "completion", "reward", "probability"} of one side of a pair.

    Its id and uncertainty are kept where the pair has them.
    """
    renamed = {
        "id": "id",
        "prompt": "prompt",
        side: "completion",
        f"reward_{side}": "reward",
        "probability": "probability",
        f"uncertainty_{side}": "uncertainty",
    }
    return {new: pair[old] for old, new in renamed.items() if old in pair}


def _conversation(row: Row) -> Row:
    """Return the row with ``messages``, as mlx-lm and TRL train on conversations."""
    messages = [*row["prompt"], {"role": "assistant", "content": row["completion"]}]
    rest = {name: value for name, value in row.items() if name not in ("prompt", "completion")}
    return {"messages": messages} | rest


FORMS = {"dpo": _dpo, "kto": _kto, "sft": _sft}


def _generator(prompt: object) -> np.random.Generator:
    """Return a generator that draws the same for the same prompt, wherever it stands in a file."""
    digest = hashlib.sha256(repr(prompt).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))
