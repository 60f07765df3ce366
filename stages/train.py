"""Fit the reward model on the train split. Run as ``python -m stages.train``."""

import sys

from mlx_reward.pipeline.run import run_stage

sys.exit(run_stage("train"))
