"""Split pairs into train, valid and test, which share no prompt, near duplicate or group.

Run as ``python -m stages.split``.
"""

import sys

from mlx_reward.pipeline.run import run_stage

sys.exit(run_stage("split"))
