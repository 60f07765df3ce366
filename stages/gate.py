"""Check the model against the bars of params.yaml. Run as ``python -m stages.gate``."""

import sys

from mlx_reward.pipeline.run import run_stage

sys.exit(run_stage("gate"))
