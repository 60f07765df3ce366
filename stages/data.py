"""Read raw preferences, check every row, write pairs. Run as ``python -m stages.data``."""

import sys

from mlx_reward.pipeline.run import run_stage

sys.exit(run_stage("data"))
