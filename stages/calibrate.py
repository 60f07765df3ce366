"""Fit the temperature on the valid split. Run as ``python -m stages.calibrate``."""

import sys

from mlx_reward.pipeline.run import run_stage

sys.exit(run_stage("calibrate"))
