"""Fit one temperature on the valid split; the ranking and the accuracy stay as they are.

python -m stages.calibrate
"""

import sys

from mlx_reward import checkpoint
from mlx_reward.calibration import fit_temperature, member_temperature
from mlx_reward.calibrators import compared
from mlx_reward.comparisons import compare
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
    bins = read_section(paths.PARAMS, "calibrate", CalibrateSettings).ece_bins
    ensemble, renderer, _ = checkpoint.load(paths.REWARD_MODEL, paths.BASE)
    valid = compare(read_pairs(paths.VALID), renderer)
    rewards = ensemble.score(valid.texts, valid.prompts, "calibrate")
    margins = valid.margins(mean_and_deviation(rewards)[0])
    temperature = fit_temperature(margins)
    logits = margins / temperature
    figures = {
        "temperature": temperature,
        "valid_nll_before": nll(margins),
        "valid_nll": nll(logits),
        "valid_ece_before": ece(reliability(margins, bins)),
        "valid_ece": ece(reliability(logits, bins)),
        "valid_pairs": len(margins),
        **compared(margins, [pair.prompt_key for pair in valid.pairs], bins),
    }
    write_json(paths.METRICS / "calibration.json", figures)
    sample = margins[:: -(-len(margins) // SAMPLE)]
    members = [member_temperature(valid.margins(own), temperature) for own in rewards]
    write_json(paths.CALIBRATION, {"temperature": temperature, "members": members, "margins": sample.tolist()})
    print(f"temperature {temperature:.4f} fitted on {len(margins)} valid pairs")


if __name__ == "__main__":
    sys.exit(run(main))
