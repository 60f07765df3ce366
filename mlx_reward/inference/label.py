"""Candidates labelled by the reward model: DPO pairs, KTO and SFT rows, in TRL's and mlx-lm-lora's column names."""

import hashlib
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mlx_reward.data.formats.row import BadRow
from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.inference.score import score_rows

Row = dict[str, Any]
Form = Literal["dpo", "kto", "sft"]
Against = Literal["worst", "random", "all"]


@dataclass(frozen=True)
class Filters:
    """Which pairs are kept."""

    min_probability: float = 0.5  # calibrated, that the chosen response is the better one
    max_uncertainty: float = math.inf  # of either reward, where the model is an ensemble
    max_length_ratio: float = math.inf  # characters of the longer response to those of the shorter

    def keep(self, pair: Row) -> bool:
        """Whether ``pair`` passes all of them."""
        uncertainty = max(
            pair.get("uncertainty_chosen", 0.0), pair.get("uncertainty_rejected", 0.0)
        )
        shorter, longer = sorted(len(pair[side]) for side in ("chosen", "rejected"))
        return bool(
            pair["probability"] >= self.min_probability
            and uncertainty <= self.max_uncertainty
            and longer <= self.max_length_ratio * max(shorter, 1)
        )


def label_rows(
    model: RewardModel,
    rows: list[Row | BadRow],
    form: Form,
    against: Against,
    filters: Filters,
    uncertainty_penalty: float = 0.0,
) -> list[Row]:
    """Pairs or single rows out of {"prompt", "responses"}: the best response against the worst, a random one, or all others.

    KTO takes the two sides of the pairs that ``filters`` keep; SFT their best responses, which is rejection sampling. A row
    that cannot be used comes out with ``error``.
    """
    found: list[Row] = []
    for row in score_rows(model, rows, uncertainty_penalty=uncertainty_penalty):
        if "error" not in row and "rewards" not in row:
            row |= {"error": "field 'responses' is missing; labelling needs a list of them"}
        if "error" in row:
            found.append(row)
            continue
        found += FORMS[form]([pair for pair in _pairs(model, row, against) if filters.keep(pair)])
    return found


def _pairs(model: RewardModel, row: Row, against: Against) -> list[Row]:
    """{"prompt", "chosen", "rejected", "reward_chosen", "reward_rejected", "probability"}, uncertainties, and the row's id."""
    rewards, responses, u = row["rewards"], row["responses"], row.get("uncertainties")
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
            "probability": model.probability(rewards[best] - rewards[other]),
            **({"uncertainty_chosen": u[best], "uncertainty_rejected": u[other]} if u else {}),
        }
        for other in others
        if responses[other] != responses[best]
    ]


def _dpo(pairs: list[Row]) -> list[Row]:
    return pairs


def _kto(pairs: list[Row]) -> list[Row]:
    """{"prompt", "completion", "label", "reward", "probability"}: each response once, wanted or not."""
    found: dict[tuple[str, bool], Row] = {}
    for pair in pairs:
        for side, label in (("chosen", True), ("rejected", False)):
            found.setdefault((pair[side], label), _single(pair, side) | {"label": label})
    return list(found.values())


def _sft(pairs: list[Row]) -> list[Row]:
    """{"prompt", "completion", "reward", "probability"} of the best response; of a conversation {"messages", ...}."""
    best = [_single(pair, "chosen") for pair in pairs[:1]]
    return [_conversation(row) if isinstance(row["prompt"], list) else row for row in best]


def _single(pair: Row, side: str) -> Row:
    """One side of a pair."""
    names = {"id": "id", "prompt": "prompt", side: "completion", f"reward_{side}": "reward"}
    names |= {"probability": "probability", f"uncertainty_{side}": "uncertainty"}
    return {new: pair[old] for old, new in names.items() if old in pair}


def _conversation(row: Row) -> Row:
    """As mlx-lm and TRL train on conversations."""
    rest = {name: value for name, value in row.items() if name not in ("prompt", "completion")}
    return {
        "messages": [*row["prompt"], {"role": "assistant", "content": row["completion"]}]
    } | rest


FORMS = {"dpo": _dpo, "kto": _kto, "sft": _sft}


def _generator(prompt: object) -> np.random.Generator:
    """The same choice for the same prompt, wherever it stands in the file."""
    return np.random.default_rng(
        int.from_bytes(hashlib.sha256(repr(prompt).encode()).digest()[:8], "little")
    )
