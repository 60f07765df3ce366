"""``RewardModel``: a trained model that scores, ranks and compares responses."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten
from scipy.special import expit

from mlx_reward.data.chat import Renderer
from mlx_reward.data.formats.conversation import end_with_response, read_prompt
from mlx_reward.data.formats.row import BadRow, encodable, text
from mlx_reward.data.pair import Message, Prompt
from mlx_reward.engine.ensemble import Ensemble, mean_and_deviation
from mlx_reward.engine.load import load
from mlx_reward.evaluation.calibration import Calibrator
from mlx_reward.inference.penalty import check_uncertainty_penalty, penalize
from mlx_reward.model.checkpoint_config import RewardConfig, read_reward_config
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import read_json

T = TypeVar("T")
Normalization = Literal["zscore", "sigmoid"]
EncodedText = list[int]  # a conversation as token ids


class NotFinite(InputError):
    """The model gives a text no reward: its weights are damaged, or were never those of a model."""


@dataclass(frozen=True)
class Ranked:
    """One response with its reward; ``index`` is its position in the list that was ranked."""

    index: int
    response: str
    reward: float


class RewardModel:
    """The reward r(prompt, response) of a checkpoint.

    A reward is the same for a text alone or among others: on a CPU, which computes in float32,
    within 1e-4; on an accelerator as far as the numbers go that the backbone is stored in (float16
    has 11 bits, bfloat16 8), for they are rounded otherwise in another batch.

    An ensemble's reward is the mean over its members and its uncertainty their standard deviation,
    in the same units; a single model has an uncertainty of 0. ``probability`` turns a difference of
    two rewards into the calibrated probability that the first response is better.

    Unusable input raises ``InputError`` with one line.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        renderer: Renderer,
        config: RewardConfig,
        calibrator: Calibrator,
    ) -> None:
        self.ensemble = ensemble
        self.renderer = renderer
        self.config = config
        self.calibrator = calibrator

    @property
    def has_uncertainty(self) -> bool:
        """Whether the model is an ensemble, whose members can disagree."""
        return len(self.ensemble.members) > 1

    @property
    def batch_tokens(self) -> int:
        """About how many tokens fill a batch."""
        return self.ensemble.batch_tokens

    @property
    def digest(self) -> str:
        """A hash of the trained weights, the backbone and the calibration."""
        digest = hashlib.sha256(f"{self.config.base_digest} {self.calibrator}".encode())
        for member in self.ensemble.members:
            weights = dict(tree_flatten(member))
            for name in sorted(weights):
                digest.update(np.array(weights[name].astype(mx.float32)).tobytes())
        return digest.hexdigest()

    @classmethod
    def load(cls, folder: str | Path, base: str | Path | None = None) -> "RewardModel":
        """Return the model in the checkpoint ``folder``, with ``calibration.json`` beside it.

        ``base`` is the backbone's folder; by default the one that ``backbone_of`` finds.
        """
        folder = Path(folder)
        backbone = Path(base) if base else backbone_of(folder)
        loaded = load(folder, backbone)
        remedy = "run `dvc repro calibrate`, which makes it"
        calibrator = Calibrator.read(read_json(folder.parent / "calibration.json", remedy))
        return cls(loaded.ensemble, loaded.renderer, loaded.config, calibrator)

    def score(
        self,
        prompts: Sequence[Prompt],
        responses: Sequence[str],
        normalize: Normalization | None = None,
        uncertainty_penalty: float = 0.0,
    ) -> Array:
        """Return rewards (N,) of N responses, each to the prompt at the same position.

        A prompt is a text or a list of messages that ends with the user. ``normalize`` scales
        rewards by those of the training set: "zscore" is their distance from the mean in standard
        deviations, "sigmoid" squashes that into 0 to 1. For ``uncertainty_penalty`` see
        ``penalize``.
        """
        check_uncertainty_penalty(uncertainty_penalty)
        rewards, uncertainties = self.score_with_uncertainty(prompts, responses)
        rewards = penalize(rewards, uncertainties, uncertainty_penalty)
        return self.normalized(rewards, normalize)

    def score_with_uncertainty(
        self, prompts: Sequence[Prompt], responses: Sequence[str]
    ) -> tuple[Array, Array]:
        """Return raw rewards (N,) and their uncertainties (N,)."""
        if isinstance(prompts, str) or isinstance(responses, str) or len(prompts) != len(responses):
            raise InputError("score takes a list of prompts and a list of as many responses")
        texts = [
            self.encode(prompt, response, f"[{i}]")
            for i, (prompt, response) in enumerate(zip(prompts, responses, strict=True))
        ]
        return require_finite(self.score_tokens(texts))

    def score_messages(
        self, conversations: Sequence[list[Message]], normalize: Normalization | None = None
    ) -> Array:
        """Return rewards (N,) of N conversations that end with the assistant."""
        texts = [
            self.encode_messages(messages, f"conversations[{i}]")
            for i, messages in enumerate(conversations)
        ]
        rewards, _ = require_finite(self.score_tokens(texts))
        return self.normalized(rewards, normalize)

    def rank(
        self, prompt: Prompt, responses: Sequence[str], uncertainty_penalty: float = 0.0
    ) -> list[Ranked]:
        """Return the responses, best first; equal rewards keep their order."""
        prompts = [prompt] * len(responses)
        rewards = self.score(prompts, responses, uncertainty_penalty=uncertainty_penalty)
        order = np.argsort(-rewards, kind="stable").tolist()
        return [Ranked(i, responses[i], float(rewards[i])) for i in order]

    def best_of_n(
        self, prompt: Prompt, responses: Sequence[str], uncertainty_penalty: float = 0.0
    ) -> str:
        """Return the response with the highest reward."""
        if not responses:
            raise InputError("best_of_n needs at least one response")
        return self.rank(prompt, responses, uncertainty_penalty)[0].response

    def compare(self, prompt: Prompt, first: str, second: str) -> float:
        """Return the calibrated probability that ``first`` is the better response."""
        rewards = self.score([prompt, prompt], [first, second])
        return self.probability(float(rewards[0] - rewards[1]))

    def probability(self, margin: float) -> float:
        """Return the calibrated probability that a response is better by its reward ``margin``."""
        return float(expit(self.calibrator(np.array(margin))))

    def win_probabilities(self, rewards: Array) -> Array:
        """Return, for each of ``rewards`` (N,), N >= 1, the calibrated probability that its
        response is better than the best of the others; 1 for one alone.
        """
        if len(rewards) == 1:
            return np.ones(1)
        second, best = np.sort(rewards)[-2:]
        opponents = np.full(len(rewards), best)
        opponents[np.argmax(rewards)] = second
        return np.asarray(expit(self.calibrator(rewards - opponents)))

    def normalized(self, rewards: Array, normalize: Normalization | None) -> Array:
        """Return ``rewards`` (N,) scaled as ``score`` describes it."""
        if normalize is None:
            return rewards
        if normalize not in ("zscore", "sigmoid"):
            raise InputError(f"normalize is {normalize!r}: not None, 'zscore' or 'sigmoid'")
        scaled = (rewards - self.config.reward_mean) / max(self.config.reward_std, 1e-9)
        return scaled if normalize == "zscore" else np.asarray(expit(scaled))

    def encode(self, prompt: Prompt, response: str, position: str = "") -> EncodedText:
        """Return what ``score_tokens`` takes. Errors name the field with its ``position``."""
        prompt = self._prompt(prompt, position)
        response = _checked(text, f"response{position}", response)
        return self._encode(prompt, response)

    def encode_responses(self, prompt: Prompt, responses: Sequence[str]) -> Iterator[EncodedText]:
        """Yield the same for each of ``responses`` to one prompt, which is read once."""
        prompt = self._prompt(prompt)
        for i, response in enumerate(responses):
            yield self._encode(prompt, _checked(text, f"responses[{i}]", response))

    def _prompt(self, prompt: Prompt, position: str = "") -> Prompt:
        """Return the part of ``prompt`` that can fit, checked."""
        return self.renderer.within_reach(_checked(read_prompt, f"prompt{position}", prompt))

    def _encode(self, prompt: Prompt, response: str) -> EncodedText:
        return self.renderer.render(prompt, response).tokens

    def encode_messages(self, messages: list[Message], field: str = "messages") -> EncodedText:
        """Return the same for a conversation that ends with the assistant."""
        prompt, response = _checked(end_with_response, field, messages)
        return self.encode(prompt, response)

    def encode_rendered(self, text: str, field: str = "text") -> EncodedText:
        """Return the same for a conversation already rendered with the backbone's chat template.

        Its control tokens count as such, unlike those in other texts.
        """
        return self.renderer.encode_rendered(_checked(encodable, field, text))

    def batches(self, texts: Sequence[EncodedText]) -> list[list[int]]:
        """Return indices of ``texts`` in batches of about ``batch_tokens``, as they run best."""
        return self.ensemble.engines[0].batches(texts)

    def score_tokens(self, texts: Sequence[EncodedText]) -> tuple[Array, Array]:
        """Return raw rewards (N,) and uncertainties (N,) of encoded texts.

        One that overflows the arithmetic is not finite; ``require_finite`` refuses it.
        """
        rewards = self.ensemble.score(texts)
        with np.errstate(invalid="ignore"):  # infinity less infinity
            return mean_and_deviation(rewards)


def require_finite(scores: tuple[Array, Array]) -> tuple[Array, Array]:
    """Return rewards (N,) and uncertainties (N,) as they are; NotFinite where one is not."""
    if not np.isfinite(scores).all():
        raise NotFinite("the model gives no finite reward; train it again or restore its files")
    return scores


def _checked(check: Callable[[str, Any], T], field: str, value: Any) -> T:
    """Return ``check(field, value)``; its BadRow becomes an InputError."""
    try:
        return check(field, value)
    except BadRow as error:
        raise InputError(str(error)) from None


def backbone_of(folder: Path) -> Path:
    """Return the backbone's folder of the checkpoint in ``folder``.

    That is a folder beside it with the recorded name, or else the recorded path itself.
    """
    recorded = Path(read_reward_config(folder).base)
    beside = folder.parent / recorded.name
    return beside if beside.exists() else recorded
