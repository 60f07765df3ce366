"""Candidates labelled by the reward model: DPO pairs and KTO rows, in TRL's and mlx-lm-lora's column names."""

import hashlib
from typing import Any, Literal

import numpy as np
from scipy.special import expit

from mlx_reward.formats.row import BadRow
from mlx_reward.reward_model import RewardModel
from mlx_reward.score_rows import score_rows

Row = dict[str, Any]
Form = Literal["dpo", "kto"]
Against = Literal["worst", "random", "all"]


def label_rows(
    model: RewardModel,
    rows: list[Row | BadRow],
    form: Form,
    against: Against,
    min_probability: float,
    caution: float = 0.0,
) -> list[Row]:
    """Pairs or single rows out of {"prompt", "responses"}: the best response against the worst, a random one, or all others.

    A pair is kept where the calibrated probability that its chosen response is better reaches ``min_probability``. KTO takes
    the two sides of the same pairs. A row that cannot be used comes out with ``error``.
    """
    found: list[Row] = []
    for row in score_rows(model, rows, caution=caution):
        if "error" not in row and "rewards" not in row:
            row |= {"error": "field 'responses' is missing; labelling needs a list of them"}
        if "error" in row:
            found.append(row)
            continue
        pairs = [p for p in _pairs(row, against, model.temperature) if p["probability"] >= min_probability]
        found += pairs if form == "dpo" else _kto(pairs)
    return found


def _pairs(row: Row, against: Against, temperature: float) -> list[Row]:
    """{"prompt", "chosen", "rejected", "reward_chosen", "reward_rejected", "probability"}, and the row's id."""
    rewards, responses = row["rewards"], row["responses"]
    order = sorted(range(len(rewards)), key=lambda i: -rewards[i])
    best, others = order[0], order[1:]
    if against == "worst":
        others = others[-1:]
    elif against == "random" and others:
        others = [others[int(_generator(row["prompt"]).integers(len(others)))]]
    kept = {"id": row["id"]} if "id" in row else {}
    return [
        {
            **kept,
            "prompt": row["prompt"],
            "chosen": responses[best],
            "rejected": responses[other],
            "reward_chosen": rewards[best],
            "reward_rejected": rewards[other],
            "probability": float(expit((rewards[best] - rewards[other]) / temperature)),
        }
        for other in others
        if responses[other] != responses[best]
    ]


def _kto(pairs: list[Row]) -> list[Row]:
    """{"prompt", "completion", "label", "reward", "probability"}: each response once, wanted or not."""
    found: dict[tuple[str, bool], Row] = {}
    for pair in pairs:
        for side, label in (("chosen", True), ("rejected", False)):
            row = {"prompt": pair["prompt"], "completion": pair[side], "label": label, "reward": pair[f"reward_{side}"]}
            found.setdefault((pair[side], label), row | {"probability": pair["probability"]})
    return list(found.values())


def _generator(prompt: object) -> np.random.Generator:
    """The same choice for the same prompt, wherever it stands in the file."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(repr(prompt).encode()).digest()[:8], "little"))
