"""Fetch or convert the backbone. Run as ``python -m stages.base``."""

import sys

from mlx_reward.pipeline.run import run_stage

sys.exit(run_stage("base"))
