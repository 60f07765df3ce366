"""Compare smooth calibration error with relplot, the code of the authors of the measure.

    python -m venv /tmp/relplot
    /tmp/relplot/bin/pip install -r benchmarks/requirements-relplot.txt
    python benchmarks/smece.py /tmp/relplot/bin/python

relplot's licence and weight keep it out of the project's own dependencies. Its grid counts what
lies at the very end of it, a confidence above 0.9995, by half; so each sample is compared as it is
and with confidences of at most 0.999.
"""

import json
import subprocess
import sys

import numpy as np
from scipy.special import expit

from mlx_reward.evaluation.smece import smece

THEIRS = """
import json, sys, numpy, relplot
for line in sys.stdin:
    confidence, correct = numpy.array(json.loads(line))
    print(relplot.smECE(confidence, correct), flush=True)
"""
SIZES = (100, 480, 1000, 20_000)  # pairs
SURENESS = (0.5, 1.0, 2.0, 3.0)  # factor on the logits of a calibrated model


def samples() -> dict[tuple[int, float, float], np.ndarray]:
    """Return confidence and correctness, (2, pairs), by pairs, sureness and highest confidence."""
    rng = np.random.default_rng(0)
    found = {}
    for pairs in SIZES:
        sizes = np.abs(rng.normal(0, 2, pairs))
        correct = (rng.random(pairs) < expit(sizes)).astype(float)
        for sureness in SURENESS:
            for highest in (1.0, 0.999):
                confidence = np.minimum(expit(sureness * sizes), highest)
                found[pairs, sureness, highest] = np.stack([confidence, correct])
    return found


def main() -> None:
    drawn = samples()
    lines = "".join(json.dumps(sample.tolist()) + "\n" for sample in drawn.values())
    answer = subprocess.run(
        [sys.argv[1], "-c", THEIRS], input=lines, capture_output=True, text=True, check=True
    )
    print("| pairs | sureness | highest confidence | smece | relplot | difference |")
    print("|---|---|---|---|---|---|")
    largest = 0.0
    for (pairs, sureness, highest), theirs in zip(drawn, answer.stdout.split(), strict=True):
        ours = smece(*drawn[pairs, sureness, highest])
        difference = ours - float(theirs)
        if highest < 1:
            largest = max(largest, abs(difference))
        print(
            f"| {pairs:,} | {sureness:g} | {highest:g} | {ours:.4f} | {float(theirs):.4f} "
            f"| {difference:+.4f} |"
        )
    print(f"\nlargest difference up to 0.999: {largest:.4f}, of a search that stops at 0.0010")


if __name__ == "__main__":
    main()
