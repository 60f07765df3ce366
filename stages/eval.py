"""Measure the calibrated model on the test split. Run as ``python -m stages.eval``."""

import sys

from mlx_reward.pipeline.run import run_stage

sys.exit(run_stage("eval"))
