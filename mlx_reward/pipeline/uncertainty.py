"""Fit what a trained model knows of its own ignorance, from one pass over training texts."""

import numpy as np

from mlx_reward.data.dataset import PreferenceDataset
from mlx_reward.data.valid_parts import chooses
from mlx_reward.engine.ensemble import Ensemble
from mlx_reward.evaluation.distance import fit_distance
from mlx_reward.evaluation.laplace import Laplace, fit_laplace
from mlx_reward.evaluation.uncertainty import Uncertainty
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.grouping import group_indices

MOST_PAIRS = 20_000  # of train that are run, in whole prompts drawn by lot


def fit_uncertainty(
    ensemble: Ensemble, training: PreferenceDataset, valid: PreferenceDataset
) -> Uncertainty:
    """Return the posterior of each member's last layer, and the distance from ``training``.

    The unit of the distance is set by texts of ``valid`` that had no say in the checkpoint, where
    there are any.
    """
    pair_ids = _drawn(training)
    chosen, rejected = training.chosen[pair_ids], training.rejected[pair_ids]
    text_ids, places = np.unique(np.concatenate([chosen, rejected]), return_inverse=True)
    inputs = _inputs(ensemble, [training.texts[i] for i in text_ids], "train")
    held_out = _inputs(ensemble, [valid.texts[i] for i in _held_out(valid)], "valid")
    members: list[Laplace] = []
    for engine, own in zip(ensemble.engines, inputs, strict=True):
        weights = np.array(engine.network.last_layer.weight, dtype=np.float64)[0]
        laplace = fit_laplace(own, places[: len(chosen)], places[len(chosen) :], weights)
        members.append(laplace)
    return Uncertainty(ensemble.digest, tuple(members), fit_distance(inputs[0], held_out[0]))


def _drawn(training: PreferenceDataset) -> Array:
    """Return the indices of the pairs of prompts drawn by lot, MOST_PAIRS at the most, about."""
    prompts = list(group_indices(pair.prompt_key for pair in training.pairs).values())
    order = np.random.default_rng(0).permutation(len(prompts))
    before = np.cumsum([0] + [len(prompts[i]) for i in order[:-1]])
    return np.concatenate([prompts[i] for i in order[before < MOST_PAIRS]])


def _held_out(valid: PreferenceDataset) -> list[int]:
    """Return the indices of texts of the part of ``valid`` that did not choose the checkpoint."""
    others = ~chooses([pair.cluster_key for pair in valid.pairs])
    if not others.any():
        return list(range(len(valid.texts)))
    both = np.concatenate([valid.chosen[others], valid.rejected[others]])
    found: list[int] = np.unique(both).tolist()
    return found


def _inputs(ensemble: Ensemble, texts: list[list[int]], what: str) -> Array:
    """Return what the last layer of each member's head gets for each text, (K, N, W)."""
    width = ensemble.engines[0].network.last_layer.weight.shape[1]
    _, inputs = ensemble.score_and_measure(
        texts, lambda _, found: found.astype(np.float64), width, what
    )
    return inputs
