"""Fit the calibrator on the valid split; ranking and accuracy stay as they are."""

import dataclasses
import math

from mlx_reward.config.calibrate import CalibrateSettings
from mlx_reward.config.reader import read_section
from mlx_reward.data.dataset import tokenize
from mlx_reward.data.pair import read_pairs
from mlx_reward.engine.ensemble import mean_and_deviation
from mlx_reward.engine.load import load
from mlx_reward.evaluation.calibration import FITS, fit_member
from mlx_reward.evaluation.cross_validation import compared
from mlx_reward.evaluation.metrics import ece, nll, reliability
from mlx_reward.pipeline.paths import PARAMS, Paths
from mlx_reward.utils.files import write_json

SAMPLE = 1000  # at most so many margins, for stage eval to compare its own with


def main() -> None:
    calibrate(read_section(PARAMS, "calibrate", CalibrateSettings), Paths())


def calibrate(settings: CalibrateSettings, paths: Paths) -> None:
    """Fit the calibrator to the margins of valid, and write it with its metrics."""
    bins = settings.ece_bins
    model = load(paths.reward_model, paths.base)
    valid = tokenize(read_pairs(paths.valid), model.renderer)
    rewards = model.ensemble.score(valid.texts, "calibrate")
    margins = valid.margins(mean_and_deviation(rewards)[0])
    calibrator = FITS[settings.method](margins)
    logits = calibrator(margins)
    metrics = {
        "temperature": calibrator.temperature,
        "valid_nll_before": nll(margins),
        "valid_nll": nll(logits),
        "valid_ece_before": ece(reliability(margins, bins)),
        "valid_ece": ece(reliability(logits, bins)),
        "valid_pairs": len(margins),
        **compared(margins, [pair.prompt_key for pair in valid.pairs], bins),
    }
    write_json(paths.metrics / "calibration.json", metrics)
    step = math.ceil(len(margins) / SAMPLE)
    members = [
        dataclasses.asdict(fit_member(settings.method, valid.margins(own), calibrator))
        for own in rewards
    ]
    calibration = dataclasses.asdict(calibrator)
    calibration |= {"members": members, "margins": margins[::step].tolist()}
    write_json(paths.calibration, calibration)
    print(f"temperature {calibrator.temperature:.4f} fitted on {len(margins)} valid pairs")
