"""Fit the calibrator on the valid split; ranking and accuracy stay as they are."""

import dataclasses
from collections.abc import Hashable, Sequence

import numpy as np

from mlx_reward.config.calibrate import CalibrateSettings
from mlx_reward.config.reader import read_section
from mlx_reward.data.valid_parts import chooses
from mlx_reward.engine.ensemble import mean_and_deviation
from mlx_reward.engine.load import load
from mlx_reward.evaluation.calibration import FITS
from mlx_reward.evaluation.calibration_null import ece_or_none
from mlx_reward.evaluation.cross_validation import compared
from mlx_reward.evaluation.metrics import accuracy, nll
from mlx_reward.evaluation.risk_control import Promises
from mlx_reward.evaluation.shift import by_cluster
from mlx_reward.evaluation.uncertainty import save
from mlx_reward.evaluation.warnings import valid_warning
from mlx_reward.pipeline.paths import PARAMS, Paths
from mlx_reward.pipeline.tokenized import tokenized
from mlx_reward.pipeline.uncertainty import fit_uncertainty
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.files import write_json


def main() -> None:
    calibrate(read_section(PARAMS, "calibrate", CalibrateSettings), Paths())


def calibrate(settings: CalibrateSettings, paths: Paths) -> None:
    """Fit the calibrator to the margins of valid, and write it with its metrics.

    Beside it goes what promises are tested on, and how unsure the model is, which is fitted to
    train.
    """
    bins = settings.ece_bins
    model = load(paths.reward_model, paths.base)
    valid = tokenized(paths.valid, model.renderer)
    rewards = model.ensemble.score(valid.texts, "calibrate")
    margins = valid.margins(mean_and_deviation(rewards)[0])
    clusters = [pair.cluster_key for pair in valid.pairs]
    calibrator = FITS[settings.method](margins)
    logits = calibrator(margins)
    metrics = {
        "temperature": calibrator.temperature,
        "valid_nll_before": nll(margins),
        "valid_nll": nll(logits),
        "valid_ece_before": ece_or_none(margins, bins),
        "valid_ece": ece_or_none(logits, bins),
        "valid_pairs": len(margins),
        "valid_accuracy": accuracy(margins),
        **compared(margins, clusters, bins),
    }
    write_json(paths.metrics / "calibration.json", metrics)
    fit = FITS[settings.method]
    members = [dataclasses.asdict(fit(valid.margins(own))) for own in rewards]
    calibration = dataclasses.asdict(calibrator)
    calibration |= {
        "members": members,
        "margins": by_cluster(margins, clusters),
        "valid_accuracy": metrics["valid_accuracy"],
        "promises": dataclasses.asdict(promises(margins, clusters)),
    }
    uncertainty = fit_uncertainty(model.ensemble, tokenized(paths.train, model.renderer), valid)
    save(paths.uncertainty, uncertainty)
    write_json(paths.calibration, calibration)
    for line in valid.warnings():
        print(line)
    print(f"temperature {calibrator.temperature:.4f} fitted on {len(margins)} valid pairs")
    warning = valid_warning(metrics["valid_accuracy"])
    if warning is not None:
        print(f"warning: {warning}")


def promises(margins: Array, clusters: Sequence[Hashable]) -> Promises:
    """Return the margins (P,) of the part that chose the checkpoint, and of the other.

    The temperature may be fitted to both: what is decided depends on margins alone.
    """
    choosing = chooses(clusters)
    parts = [
        by_cluster(margins[part], [clusters[i] for i in np.flatnonzero(part).tolist()])
        for part in (choosing, ~choosing)
    ]
    return Promises(*parts)
