"""Fit confidence on the valid split; the ranking and the accuracy stay as they are.

python -m stages.calibrate
"""

import dataclasses
import sys

from mlx_reward import checkpoint
from mlx_reward.calibrators import FITS, fit_member
from mlx_reward.comparisons import compare
from mlx_reward.cross_validation import compared
from mlx_reward.ensemble import mean_and_deviation
from mlx_reward.errors import run
from mlx_reward.files import write_json
from mlx_reward.metrics import ece, nll, reliability
from mlx_reward.preferences import read_pairs
from mlx_reward.settings.calibrate import CalibrateSettings
from mlx_reward.settings.reader import read_section
from stages import paths

SAMPLE = 1000  # margins that stage eval compares its own with


def main() -> None:
    settings = read_section(paths.PARAMS, "calibrate", CalibrateSettings)
    bins = settings.ece_bins
    ensemble, renderer, _ = checkpoint.load(paths.REWARD_MODEL, paths.BASE)
    valid = compare(read_pairs(paths.VALID), renderer)
    rewards = ensemble.score(valid.texts, valid.prompts, "calibrate")
    margins = valid.margins(mean_and_deviation(rewards)[0])
    calibrator = FITS[settings.method](margins)
    logits = calibrator(margins)
    figures = {
        "temperature": calibrator.temperature,
        "valid_nll_before": nll(margins),
        "valid_nll": nll(logits),
        "valid_ece_before": ece(reliability(margins, bins)),
        "valid_ece": ece(reliability(logits, bins)),
        "valid_pairs": len(margins),
        **compared(margins, [pair.prompt_key for pair in valid.pairs], bins),
    }
    write_json(paths.METRICS / "calibration.json", figures)
    sample = margins[:: -(-len(margins) // SAMPLE)]
    members = [dataclasses.asdict(fit_member(settings.method, valid.margins(own), calibrator)) for own in rewards]
    write_json(paths.CALIBRATION, dataclasses.asdict(calibrator) | {"members": members, "margins": sample.tolist()})
    print(f"temperature {calibrator.temperature:.4f} fitted on {len(margins)} valid pairs")


if __name__ == "__main__":
    sys.exit(run(main))
