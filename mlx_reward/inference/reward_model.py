"""``RewardModel``: a trained model that scores, ranks and compares responses."""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mlx_reward.data.chat import Renderer
from mlx_reward.data.formats.conversation import (
    end_with_response,
    read_prompt,
    read_response,
)
from mlx_reward.data.formats.row import encodable
from mlx_reward.data.pair import Message, Prompt
from mlx_reward.engine.ensemble import Ensemble
from mlx_reward.engine.load import load
from mlx_reward.engine.scores import Scores
from mlx_reward.evaluation.calibrator import Calibrator
from mlx_reward.evaluation.risk_control import Promises, is_decided
from mlx_reward.evaluation.uncertainty import COLUMNS, Uncertainty
from mlx_reward.evaluation.uncertainty import read as read_uncertainty
from mlx_reward.inference.arguments import as_list, as_lists, as_pairs, checked
from mlx_reward.inference.penalty import check_uncertainty_penalty, penalize
from mlx_reward.inference.pretrained import backbone_of, calibration_of, find_checkpoint
from mlx_reward.model.checkpoint_config import RewardConfig
from mlx_reward.utils.arrays import Array, sigmoid
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import read_json
from mlx_reward.utils.progress import show_bars

Normalization = Literal["zscore", "sigmoid"]
Response = str | list[Message]  # a text, or messages that end with the assistant, as TRL has them
EncodedText = list[int]  # a conversation as token ids


class NotFinite(InputError):
    """The model gives a text no reward: its weights are damaged, or were never those of a model."""


class RewardModel:
    """The reward r(prompt, response) of a checkpoint.

    A reward is the same for a text alone or among others: on a CPU, which computes in float32,
    within 1e-4; on an accelerator as far as the numbers go that the backbone is stored in (float16
    has 11 bits, bfloat16 8), for they are rounded otherwise in another batch.

    An ensemble's reward is the mean over its members. Uncertainties are standard deviations in the
    same units, between members and within each, where stage `calibrate` found the latter; a single
    model without it has an uncertainty of 0. ``probability`` turns a difference of
    two rewards into the calibrated probability that the first response is better.

    Unusable input raises ``InputError`` with one line.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        renderer: Renderer,
        config: RewardConfig,
        calibrator: Calibrator,
        uncertainty: Uncertainty | None = None,
        promises: Promises | None = None,
    ) -> None:
        self.ensemble = ensemble
        self.renderer = renderer
        self.config = config
        self.calibrator = calibrator
        self.uncertainty = uncertainty
        self.promises = promises or Promises()

    @property
    def is_ensemble(self) -> bool:
        """Whether the model has members that can disagree."""
        return len(self.ensemble.members) > 1

    @property
    def has_uncertainty(self) -> bool:
        """Whether the model knows how unsure it is: by its members, by its last layer, or both."""
        return self.is_ensemble or self.uncertainty is not None

    @property
    def batch_tokens(self) -> int:
        """About how many tokens fill a batch."""
        return self.ensemble.batch_tokens

    @property
    def digest(self) -> str:
        """A hash of the trained weights, the backbone and the calibration."""
        parts = (self.config.base_digest, self.calibrator, self.ensemble.digest, self.promises)
        digest = hashlib.sha256(" ".join(map(str, parts)).encode())
        for laplace in self.uncertainty.members if self.uncertainty else ():
            digest.update(laplace.factor.tobytes())
        return digest.hexdigest()

    def __repr__(self) -> str:
        members = len(self.ensemble.members)
        return (
            f"RewardModel(base={self.config.base!r}, members={members}, "
            f"max_seq_length={self.config.max_seq_length}, "
            f"temperature={self.calibrator.temperature:.4g})"
        )

    @classmethod
    def load(cls, folder: str | Path, base: str | Path | None = None) -> "RewardModel":
        """Return the model in the checkpoint ``folder``, with ``calibration.json`` beside it.

        ``base`` is the backbone's folder; by default the one that ``backbone_of`` finds.
        """
        folder = Path(folder)
        backbone = Path(base) if base else backbone_of(folder)
        loaded = load(folder, backbone)
        calibration_file = calibration_of(folder)
        calibration = read_json(calibration_file, "run `dvc repro calibrate`, which makes it")
        return cls(
            loaded.ensemble,
            loaded.renderer,
            loaded.config,
            Calibrator.read(calibration),
            _read_uncertainty(
                calibration_file.with_name("uncertainty.safetensors"), loaded.ensemble
            ),
            Promises.read(calibration.get("promises", {})),
        )

    @classmethod
    def from_pretrained(
        cls, name: str | Path, base: str | Path | None = None, revision: str | None = None
    ) -> "RewardModel":
        """Return the model in a folder, or in a repo of the Hugging Face hub at ``revision``.

        Either is a checkpoint, or holds one as checkpoints/ does. ``base`` as in ``load``.
        """
        return cls.load(find_checkpoint(name, revision), base)

    def score(
        self,
        prompts: Sequence[Prompt],
        responses: Sequence[Response],
        normalize: Normalization | None = None,
        uncertainty_penalty: float = 0.0,
        *,
        batch_size: int | None = None,
        show_progress: bool | None = None,
    ) -> Array:
        """Return rewards (N,) of N responses, each to the prompt at the same position.

        A prompt is a text or a list of messages that ends with the user; a response is a text, or a
        list of messages that ends with the assistant. ``normalize`` scales rewards by those of the
        training set: "zscore" is their distance from the mean in standard deviations, "sigmoid"
        squashes that into 0 to 1. For ``uncertainty_penalty`` see ``penalize``. At most
        ``batch_size`` texts run at once, as many as run best where it is None. A bar is shown on a
        terminal where ``show_progress`` is None.
        """
        check_uncertainty_penalty(uncertainty_penalty)
        rewards, uncertainties = self.score_with_uncertainty(
            prompts, responses, batch_size=batch_size, show_progress=show_progress
        )
        rewards = penalize(rewards, uncertainties, uncertainty_penalty)
        return self.normalized(rewards, normalize)

    __call__ = score

    def score_with_uncertainty(
        self,
        prompts: Sequence[Prompt],
        responses: Sequence[Response],
        *,
        batch_size: int | None = None,
        show_progress: bool | None = None,
    ) -> tuple[Array, Array]:
        """Return raw rewards (N,) and their uncertainties (N,)."""
        texts = self._encode_all(prompts, responses)
        return require_finite(self.score_tokens(texts, batch_size, show_progress))

    def score_details(self, prompts: Sequence[Prompt], responses: Sequence[Response]) -> Scores:
        """Return raw rewards with the parts of their uncertainties, and distances."""
        return require_finite_scores(self.scores(self._encode_all(prompts, responses)))

    def decide(self, prompt: Prompt, first: str, second: str, max_error: float = 0.1) -> str | None:
        """Return the better response; None where the model is not sure enough to decide.

        Of the pairs that are decided, at most a share of ``max_error`` is decided wrongly, with
        90 % confidence, where prompts and pairs are like those of the valid split; on others the
        promise may not hold. InputError where the valid split cannot show it for any margin.
        """
        threshold = self.decision_threshold(max_error)
        rewards = self.score([prompt, prompt], [first, second])
        margin = rewards[0] - rewards[1]
        if not is_decided(margin, threshold):
            return None
        return first if margin > 0 else second

    def decision_threshold(self, max_error: float) -> float:
        """Return the least margin that ``decide`` decides; InputError where there is none."""
        return self.promises.threshold(max_error).margin

    def score_messages(
        self, conversations: Sequence[list[Message]], normalize: Normalization | None = None
    ) -> Array:
        """Return rewards (N,) of N conversations that end with the assistant."""
        texts = [
            self.encode_messages(messages, f"conversations[{i}]")
            for i, messages in enumerate(as_list("conversations", conversations))
        ]
        rewards, _ = require_finite(self.score_tokens(texts))
        return self.normalized(rewards, normalize)

    def predict(
        self,
        pairs: Sequence[tuple[Prompt, Response]] | tuple[Prompt, str],
        batch_size: int | None = None,
        show_progress: bool | None = None,
    ) -> Array | float:
        """Return rewards (N,) of N (prompt, response) pairs, or the reward of one pair alone.

        The shapes are those of ``predict`` of sentence-transformers' CrossEncoder.
        """
        found, alone = as_pairs(pairs)
        prompts = [prompt for prompt, _ in found]
        responses = [response for _, response in found]
        rewards = self.score(prompts, responses, batch_size=batch_size, show_progress=show_progress)
        return float(rewards[0]) if alone else rewards

    def rank(
        self,
        query: Prompt,
        documents: Sequence[Response],
        top_k: int | None = None,
        return_documents: bool = False,
        *,
        uncertainty_penalty: float = 0.0,
        batch_size: int | None = None,
        show_progress: bool | None = None,
    ) -> list[dict[str, Any]]:
        """Return the ``top_k`` best responses (``documents``) to a prompt (``query``), best first.

        Each is {"corpus_id", "score"}, its place in ``documents`` and its reward, with its "text"
        where ``return_documents``, as ``rank`` of sentence-transformers' CrossEncoder returns them.
        Equal rewards keep their order.
        """
        documents = as_list("documents", documents)
        rewards = self.score(
            [query] * len(documents),
            documents,
            uncertainty_penalty=uncertainty_penalty,
            batch_size=batch_size,
            show_progress=show_progress,
        )
        order = np.argsort(-rewards, kind="stable").tolist()[:top_k]
        ranked = [{"corpus_id": i, "score": float(rewards[i])} for i in order]
        if return_documents:
            return [place | {"text": documents[place["corpus_id"]]} for place in ranked]
        return ranked

    def best_of_n(
        self, prompt: Prompt, responses: Sequence[Response], uncertainty_penalty: float = 0.0
    ) -> Response:
        """Return the response with the highest reward."""
        responses = as_list("responses", responses)
        if not responses:
            raise InputError("best_of_n needs at least one response")
        (best,) = self.rank(prompt, responses, 1, uncertainty_penalty=uncertainty_penalty)
        chosen: Response = responses[best["corpus_id"]]
        return chosen

    def compare(self, prompt: Prompt, first: str, second: str) -> float:
        """Return the calibrated probability that ``first`` is the better response."""
        rewards = self.score([prompt, prompt], [first, second])
        return self.probability(float(rewards[0] - rewards[1]))

    def probability(self, margin: float) -> float:
        """Return the calibrated probability that a response is better by its reward ``margin``."""
        return float(sigmoid(self.calibrator(np.array(margin))))

    def win_probabilities(self, rewards: Array) -> Array:
        """Return, for each of ``rewards`` (N,), N >= 1, the calibrated probability that its
        response is better than the best of the others; 1 for one alone.
        """
        if len(rewards) == 1:
            return np.ones(1)
        second, best = np.sort(rewards)[-2:]
        opponents = np.full(len(rewards), best)
        opponents[np.argmax(rewards)] = second
        return np.asarray(sigmoid(self.calibrator(rewards - opponents)))

    def normalized(self, rewards: Array, normalize: Normalization | None) -> Array:
        """Return ``rewards`` (N,) scaled as ``score`` describes it."""
        if normalize is None:
            return rewards
        if normalize not in ("zscore", "sigmoid"):
            raise InputError(f"normalize is {normalize!r}: not None, 'zscore' or 'sigmoid'")
        scaled = (rewards - self.config.reward_mean) / max(self.config.reward_std, 1e-9)
        return scaled if normalize == "zscore" else np.asarray(sigmoid(scaled))

    def _encode_all(
        self, prompts: Sequence[Prompt], responses: Sequence[Response]
    ) -> list[EncodedText]:
        prompts, responses = as_lists(prompts=prompts, responses=responses)
        return [
            self.encode(prompt, response, f"[{i}]")
            for i, (prompt, response) in enumerate(zip(prompts, responses, strict=True))
        ]

    def encode(self, prompt: Prompt, response: Response, position: str = "") -> EncodedText:
        """Return what ``score_tokens`` takes. Errors name the field with its ``position``."""
        prompt = checked(read_prompt, f"prompt{position}", prompt)
        answer = checked(partial(read_response, prompt=prompt), f"response{position}", response)
        return self._encode(self.renderer.within_reach(prompt), answer)

    def encode_responses(
        self, prompt: Prompt, responses: Sequence[Response]
    ) -> Iterator[EncodedText]:
        """Yield the same for each of ``responses`` to one prompt, which is read once."""
        prompt = checked(read_prompt, "prompt", prompt)
        within_reach = self.renderer.within_reach(prompt)
        read = partial(read_response, prompt=prompt)
        for i, response in enumerate(responses):
            yield self._encode(within_reach, checked(read, f"responses[{i}]", response))

    def _encode(self, prompt: Prompt, response: str) -> EncodedText:
        return self.renderer.render(prompt, response).tokens

    def encode_messages(self, messages: list[Message], field: str = "messages") -> EncodedText:
        """Return the same for a conversation that ends with the assistant."""
        prompt, response = checked(end_with_response, field, messages)
        return self.encode(prompt, response)

    def encode_rendered(self, text: str, field: str = "text") -> EncodedText:
        """Return the same for a conversation already rendered with the backbone's chat template.

        Its control tokens count as such, unlike those in other texts.
        """
        return self.renderer.encode_rendered(checked(encodable, field, text))

    def encode_query(self, query: str, prompt: str, field: str = "query") -> EncodedText:
        """Return the same for OpenRLHF's query, which is a prompt and its response in one text.

        A query with control tokens is a rendered conversation; any other begins with its prompt.
        """
        if self.renderer.is_rendered(query):
            return self.encode_rendered(query, field)
        if not prompt or not query.startswith(prompt):
            raise InputError(
                f"{field} is no rendered conversation and does not begin with its prompt"
            )
        return self.encode(prompt, query[len(prompt) :], field.removeprefix("query"))

    def batches(self, texts: Sequence[EncodedText]) -> list[list[int]]:
        """Return indices of ``texts`` in batches of about ``batch_tokens``, as they run best."""
        return self.ensemble.engines[0].batches(texts)

    def score_tokens(
        self,
        texts: Sequence[EncodedText],
        batch_size: int | None = None,
        show_progress: bool | None = None,
    ) -> tuple[Array, Array]:
        """Return raw rewards (N,) and uncertainties (N,) of encoded texts.

        One that overflows the arithmetic is not finite; ``require_finite`` refuses it. Arguments as
        in ``score``.
        """
        scores = self.scores(texts, batch_size, show_progress)
        return scores.rewards, scores.uncertainties

    def scores(
        self,
        texts: Sequence[EncodedText],
        batch_size: int | None = None,
        show_progress: bool | None = None,
    ) -> Scores:
        """Return the same with the parts of the uncertainty, and distances from the training."""
        if batch_size is not None and batch_size < 1:
            raise InputError(f"batch_size is {batch_size}: not a number of texts above 0")
        step = batch_size or max(len(texts), 1)
        batches = [texts[start : start + step] for start in range(0, len(texts), step)]
        with show_bars(show_progress), np.errstate(invalid="ignore", over="ignore"):  # infinity
            return Scores.joined([self._scores_of(batch) for batch in batches or [[]]])

    def _scores_of(self, texts: Sequence[EncodedText]) -> Scores:
        if self.uncertainty is None:
            return Scores.of_rewards(self.ensemble.score(texts))
        rewards, measured = self.ensemble.score_and_measure(
            texts, self.uncertainty.measure, COLUMNS
        )
        return Scores.of_rewards(rewards, measured[..., 0], measured[0, :, 1])


def require_finite_scores(scores: Scores) -> Scores:
    """Return ``scores`` as they are; NotFinite where a reward or its uncertainty is not."""
    require_finite((scores.rewards, scores.uncertainties))
    return scores


def require_finite(scores: tuple[Array, Array]) -> tuple[Array, Array]:
    """Return rewards (N,) and uncertainties (N,) as they are; NotFinite where one is not."""
    if not np.isfinite(scores).all():
        raise NotFinite("the model gives no finite reward; train it again or restore its files")
    return scores


def _read_uncertainty(path: Path, ensemble: Ensemble) -> Uncertainty | None:
    """Return what stage `calibrate` wrote; None where it is not there or of other weights."""
    if not path.exists():  # as of an earlier release, or an imported model
        return None
    found = read_uncertainty(path, ensemble.widths)
    if found.model == ensemble.digest:
        return found
    print(
        f"note: {path} is of other weights, so that uncertainty and distance are left out; "
        "run `dvc repro calibrate`",
        file=sys.stderr,
    )
    return None
