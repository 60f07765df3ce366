"""A trained reward model in use: score, rank, best of N, compare."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten
from scipy.special import expit

from mlx_reward.data.chat import Renderer, load_renderer
from mlx_reward.data.formats.conversation import end_with_response, read_prompt
from mlx_reward.data.formats.row import BadRow, text
from mlx_reward.data.pair import Message, Prompt, prompt_key
from mlx_reward.engine.engine import BATCH_TOKENS, Engine
from mlx_reward.engine.ensemble import Ensemble, mean_and_deviation
from mlx_reward.evaluation.calibration import Calibrator
from mlx_reward.model import checkpoint
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import read_json

T = TypeVar("T")
Normalization = Literal["zscore", "sigmoid"]


@dataclass(frozen=True)
class Ranked:
    """One response and its reward; ``index`` is its place in the list that was given."""

    index: int
    response: str
    reward: float


class RewardModel:
    """r(prompt, response) of a checkpoint, the same for a text alone or among others (within 1e-4).

    Of an ensemble it is the mean of its members, and their standard deviation the uncertainty, in the same units; ``uncertainty_penalty``
    times that is taken off a reward (Coste et al. 2023). One model alone has an uncertainty of 0.

    ``probability`` turns a difference of two rewards into the probability that the first response is better. Wrong input raises
    ``mlx_reward.utils.errors.InputError`` with one line.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        renderer: Renderer,
        config: checkpoint.RewardConfig,
        calibrator: Calibrator,
    ) -> None:
        self.ensemble, self.renderer, self.config, self.calibrator = (
            ensemble,
            renderer,
            config,
            calibrator,
        )

    @property
    def has_uncertainty(self) -> bool:
        """Whether it is an ensemble."""
        return len(self.ensemble.members) > 1

    @property
    def batch_tokens(self) -> int:
        """About how many tokens run at once."""
        return BATCH_TOKENS

    @property
    def digest(self) -> str:
        """Changes with the weights that were trained, the backbone and the calibration."""
        found = hashlib.sha256(f"{self.config.base_digest} {self.calibrator}".encode())
        for trained in (dict(tree_flatten(member)) for member in self.ensemble.members):
            for name in sorted(trained):
                found.update(np.array(trained[name].astype(mx.float32)).tobytes())
        return found.hexdigest()

    @classmethod
    def load(cls, folder: str | Path, base: str | Path | None = None) -> "RewardModel":
        """The checkpoint in ``folder``, with its calibration in ``calibration.json`` beside it.

        ``base`` is the backbone's folder; by default the one it was trained on, looked for as recorded and beside ``folder``.
        """
        folder = Path(folder)
        found = Path(base) if base else backbone_of(folder)
        loaded = checkpoint.load(folder, found)
        ensemble = Ensemble(Engine(loaded.network), loaded.members)
        renderer = load_renderer(found, loaded.config.max_seq_length, loaded.config.chat_template)
        remedy = "run `dvc repro calibrate`, which makes it"
        return cls(
            ensemble,
            renderer,
            loaded.config,
            Calibrator.read(read_json(folder.parent / "calibration.json", remedy)),
        )

    def score(
        self,
        prompts: Sequence[Prompt],
        responses: Sequence[str],
        normalize: Normalization | None = None,
        uncertainty_penalty: float = 0.0,
    ) -> Array:
        """Rewards (N,) of N prompts, each a text or a list of messages that ends with the user, and their N responses.

        ``normalize``: "zscore" in units of the training rewards' deviation from their mean, "sigmoid" of that, in 0 to 1.
        """
        rewards, uncertainties = self.score_with_uncertainty(prompts, responses)
        return self.normalized(rewards - uncertainty_penalty * uncertainties, normalize)

    def score_with_uncertainty(
        self, prompts: Sequence[Prompt], responses: Sequence[str]
    ) -> tuple[Array, Array]:
        """Raw rewards (N,) and their uncertainties (N,)."""
        if isinstance(prompts, str) or isinstance(responses, str) or len(prompts) != len(responses):
            raise InputError("score takes a list of prompts and a list of as many responses")
        return self.score_tokens(
            [
                self.encode(p, r, f"[{i}]")
                for i, (p, r) in enumerate(zip(prompts, responses, strict=True))
            ]
        )

    def score_messages(
        self, conversations: Sequence[list[Message]], normalize: Normalization | None = None
    ) -> Array:
        """The same of N conversations that end with the assistant."""
        rewards, _ = self.score_tokens(
            [self.encode_messages(c, f"conversations[{i}]") for i, c in enumerate(conversations)]
        )
        return self.normalized(rewards, normalize)

    def rank(
        self, prompt: Prompt, responses: Sequence[str], uncertainty_penalty: float = 0.0
    ) -> list[Ranked]:
        """The responses, best first; equal rewards stay in their order."""
        rewards = self.score(
            [prompt] * len(responses), responses, uncertainty_penalty=uncertainty_penalty
        )
        order = np.argsort(-rewards, kind="stable").tolist()
        return [Ranked(i, responses[i], float(rewards[i])) for i in order]

    def best_of_n(
        self, prompt: Prompt, responses: Sequence[str], uncertainty_penalty: float = 0.0
    ) -> str:
        """The response with the highest reward."""
        if not responses:
            raise InputError("best_of_n needs at least one response")
        return self.rank(prompt, responses, uncertainty_penalty)[0].response

    def compare(self, prompt: Prompt, first: str, second: str) -> float:
        """Calibrated probability that ``first`` is the better response."""
        rewards = self.score([prompt, prompt], [first, second])
        return self.probability(float(rewards[0] - rewards[1]))

    def probability(self, margin: float) -> float:
        """Calibrated probability that the first of two responses is better, by the difference ``margin`` of their rewards."""
        return float(expit(self.calibrator(np.array(margin))))

    def normalized(self, rewards: Array, normalize: Normalization | None) -> Array:
        """``rewards`` as ``score`` normalizes them."""
        if normalize is None:
            return rewards
        if normalize not in ("zscore", "sigmoid"):
            raise InputError(f"normalize is {normalize!r}: not None, 'zscore' or 'sigmoid'")
        scaled = (rewards - self.config.reward_mean) / max(self.config.reward_std, 1e-9)
        return scaled if normalize == "zscore" else np.asarray(expit(scaled))

    def encode(self, prompt: Prompt, response: str, place: str = "") -> tuple[str, list[int]]:
        """What ``score_tokens`` takes: a key, equal for equal prompts, and the token ids of the whole conversation."""
        prompt = _checked(read_prompt, f"prompt{place}", prompt)
        return prompt_key(prompt), self.renderer.render(
            prompt, _checked(text, f"response{place}", response)
        ).tokens

    def encode_messages(
        self, messages: list[Message], place: str = "messages"
    ) -> tuple[str, list[int]]:
        """The same of a conversation that ends with the assistant."""
        before, response = _checked(end_with_response, place, messages)
        return self.encode(before, response)

    def encode_rendered(self, text: str) -> tuple[str, list[int]]:
        """The same of a conversation that another program has rendered with the backbone's template, control tokens and all."""
        tokens = self.renderer.encode_rendered(text)
        return f"rendered {text}", tokens

    def score_tokens(self, texts: Sequence[tuple[str, list[int]]]) -> tuple[Array, Array]:
        """Raw rewards (N,) and uncertainties (N,) of what ``encode`` returned; equal prompts run once."""
        return mean_and_deviation(
            self.ensemble.score([tokens for _, tokens in texts], [key for key, _ in texts])
        )


def _checked(check: Callable[[str, Any], T], field: str, value: Any) -> T:
    try:
        return check(field, value)
    except BadRow as error:
        raise InputError(str(error)) from None


def backbone_of(folder: Path) -> Path:
    """The backbone of the checkpoint in ``folder``: of the recorded name beside it, or where it was when it was trained."""
    recorded = Path(checkpoint.read_config(folder).base)
    beside = folder.parent / recorded.name
    return beside if beside.exists() else recorded
