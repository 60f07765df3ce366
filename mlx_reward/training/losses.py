"""The losses of params.yaml: ``LOSSES`` maps each ``train.loss.kind`` to its function.

To add a loss, write a function with the signature of ``Loss``, add it to ``LOSSES``, and add its
name to ``LossSettings.kind``. One that uses labels and margin targets belongs to ``PAIRWISE`` too;
one that takes the pairs of a chosen text together, to ``LISTWISE``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from mlx_reward.config.train import LossSettings
from mlx_reward.data.dataset import Batch
from mlx_reward.data.pair import Pair
from mlx_reward.utils.errors import InputError


@dataclass(frozen=True)
class Targets:
    """What the P pairs of a batch say besides the order of their responses."""

    chosen_texts: NDArray[np.int64]  # (P,) which text of the batch is chosen
    labels: mx.array  # (P,) share of the judges for chosen, smoothed; 1 for a plain preference
    margins: mx.array  # (P,) by how much the reward of chosen should be higher


Loss = Callable[[mx.array, mx.array, Targets], mx.array]
LossFn = Callable[[mx.array, Batch], mx.array]


def bradley_terry(
    rewards_chosen: mx.array, rewards_rejected: mx.array, targets: Targets
) -> mx.array:
    """Return the mean cross-entropy in nats of "chosen beats rejected", sigmoid(m).

    -(q log sigmoid(m) + (1 - q) log sigmoid(-m)) for margins m = r_chosen - r_rejected (P,) and
    labels q (P,). Bradley & Terry 1952; for q = 1 it is equation 1 of Ouyang et al. 2022
    (InstructGPT), which averages over all comparisons of a batch. With a target margin t, m is
    r_chosen - r_rejected - t: equation 2 of Touvron et al. 2023 (Llama 2).
    """
    margins = rewards_chosen - rewards_rejected - targets.margins
    return (mx.logaddexp(0.0, -margins) + (1 - targets.labels) * margins).mean()


def plackett_luce(
    rewards_chosen: mx.array, rewards_rejected: mx.array, targets: Targets
) -> mx.array:
    """Return the negative log-likelihood in nats of picking each winner, divided by P.

    The pairs of one chosen text are one choice: its winner w is picked out of itself and all
    losers l of these pairs, with probability exp(w) / (exp(w) + sum exp(l)). Labels and target
    margins are not used. Plackett 1975, Luce 1959; over a full ranking this is equation 2 of
    Xia et al. 2008 (ListMLE), for two responses Bradley-Terry.

    Example: the ranking a > b > c is three pairs and two choices. The pairs (a, b) and (a, c) pick
    a out of {a, b, c}; the pair (b, c) picks b out of {b, c}:

        loss = (log(e^a + e^b + e^c) - a + log(e^b + e^c) - b) / 3

    A batch that holds a part of the ranking picks from fewer losers; by Luce's choice axiom the
    odds among those are the same.
    """
    winners, choice_of_pair = np.unique(targets.chosen_texts, return_inverse=True)
    choice = mx.array(choice_of_pair)  # (P,) indices of the C choices
    # Each choice costs log(1 + sum exp(l - w)). Taking out the largest exponent x keeps it finite:
    # x + log(exp(-x) + sum exp(l - w - x)).
    exponents = rewards_rejected - rewards_chosen  # (P,) l - w
    zeros = mx.zeros(len(winners))  # (C,)
    largest = mx.stop_gradient(zeros.at[choice].maximum(exponents))  # (C,) at least 0
    losers = zeros.at[choice].add(mx.exp(exponents - largest[choice]))  # (C,)
    costs = largest + mx.log(mx.exp(-largest) + losers)  # (C,)
    return costs.sum() / len(rewards_chosen)


LOSSES: dict[str, Loss] = {"bradley_terry": bradley_terry, "plackett_luce": plackett_luce}
PAIRWISE = ("bradley_terry",)  # losses that use the labels and target margins of pairs
LISTWISE = ("plackett_luce",)  # losses of a chosen text against all that it was preferred to


def centering(rewards_chosen: mx.array, rewards_rejected: mx.array) -> mx.array:
    """Return the mean of (r_chosen + r_rejected)^2 over pairs (P,), which keeps rewards around 0.

    Margins alone leave the zero open. Eisenstein et al. 2023, "Helping or Herding?", equation 2.
    """
    return mx.square(rewards_chosen + rewards_rejected).mean()


def make_labels(pairs: Sequence[Pair], settings: LossSettings) -> NDArray[np.float64]:
    """Return labels (P,) that training on ``pairs`` minimises the cross-entropy with.

    They are the judges' shares for chosen where ``settings`` ask for soft labels, else 1, as if
    a share of ``label_smoothing`` of the preferences were the wrong way round (Szegedy et al. 2016,
    section 7).
    """
    labels = np.array([pair.label if settings.soft_labels else 1.0 for pair in pairs])
    share = settings.label_smoothing
    return labels * (1 - share) + (1 - labels) * share


def make_loss_fn(pairs: Sequence[Pair], settings: LossSettings) -> LossFn:
    """Return the function that ``settings`` ask for, to train on ``pairs``.

    It takes the rewards (M,) of the texts of a batch and the batch, and returns the mean loss of
    the batch's pairs. Raise InputError for a setting that the loss does not use, or a margin for
    pairs without preference_strength.
    """
    _check(pairs, settings)
    loss = LOSSES[settings.kind]
    labels = make_labels(pairs, settings).astype(np.float32)
    margins = np.array(
        [settings.margin * (pair.preference_strength or 0.0) for pair in pairs], dtype=np.float32
    )

    def loss_fn(rewards: mx.array, batch: Batch) -> mx.array:
        rewards_chosen = rewards[mx.array(batch.chosen)]
        rewards_rejected = rewards[mx.array(batch.rejected)]
        targets = Targets(
            chosen_texts=batch.chosen,
            labels=mx.array(labels[batch.pair_ids]),
            margins=mx.array(margins[batch.pair_ids]),
        )
        value = loss(rewards_chosen, rewards_rejected, targets)
        if settings.centering:
            value = value + settings.centering * centering(rewards_chosen, rewards_rejected)
        return value

    return loss_fn


def _check(pairs: Sequence[Pair], settings: LossSettings) -> None:
    for_pairs = {
        "soft_labels": settings.soft_labels,
        "label_smoothing": settings.label_smoothing,
        "margin": settings.margin,
    }
    unused = [f"{name} ({value})" for name, value in for_pairs.items() if value]
    if unused and settings.kind not in PAIRWISE:
        raise InputError(
            f"train.loss: {', '.join(unused)} cannot be used with kind {settings.kind}; "
            f"set kind to {' or '.join(PAIRWISE)}, or these to false or 0"
        )
    if settings.margin and all(pair.preference_strength is None for pair in pairs):
        raise InputError(
            f"train.loss.margin is {settings.margin}, but no pair has a preference_strength; "
            "set it to 0"
        )
