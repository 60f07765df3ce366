"""Fit the calibrator on the valid split; ranking and accuracy stay as they are."""

import dataclasses

from mlx_reward.config.calibrate import CalibrateSettings
from mlx_reward.config.reader import read_section
from mlx_reward.data.chat import load_renderer
from mlx_reward.data.dataset import tokenize
from mlx_reward.data.pair import read_pairs
from mlx_reward.engine.engine import Engine
from mlx_reward.engine.ensemble import Ensemble, mean_and_deviation
from mlx_reward.evaluation.calibration import FITS, fit_member
from mlx_reward.evaluation.cross_validation import compared
from mlx_reward.evaluation.metrics import ece, nll, reliability
from mlx_reward.evaluation.shift import by_cluster
from mlx_reward.model import checkpoint
from mlx_reward.pipeline.paths import PARAMS, Paths
from mlx_reward.utils.files import write_json


def main() -> None:
    calibrate(read_section(PARAMS, "calibrate", CalibrateSettings), Paths())


def calibrate(settings: CalibrateSettings, paths: Paths) -> None:
    """Fit the calibrator to the margins of valid, and write it with its metrics."""
    bins = settings.ece_bins
    loaded = checkpoint.load(paths.reward_model, paths.base)
    ensemble = Ensemble(Engine(loaded.network), loaded.members)
    renderer = load_renderer(paths.base, loaded.config.max_seq_length, loaded.config.chat_template)
    valid = tokenize(read_pairs(paths.valid), renderer)
    rewards = ensemble.score(valid.texts, valid.prompts, "calibrate")
    margins = valid.margins(mean_and_deviation(rewards)[0])
    clusters = [pair.cluster_key for pair in valid.pairs]
    calibrator = FITS[settings.method](margins)
    logits = calibrator(margins)
    metrics = {
        "temperature": calibrator.temperature,
        "valid_nll_before": nll(margins),
        "valid_nll": nll(logits),
        "valid_ece_before": ece(reliability(margins, bins)),
        "valid_ece": ece(reliability(logits, bins)),
        "valid_pairs": len(margins),
        **compared(margins, clusters, bins),
    }
    write_json(paths.metrics / "calibration.json", metrics)
    members = [
        dataclasses.asdict(fit_member(settings.method, valid.margins(own), calibrator))
        for own in rewards
    ]
    calibration = dataclasses.asdict(calibrator)
    calibration |= {"members": members, "margins": by_cluster(margins, clusters)}
    write_json(paths.calibration, calibration)
    print(f"temperature {calibrator.temperature:.4f} fitted on {len(margins)} valid pairs")
