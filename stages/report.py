"""Write metrics/report.html. Run as ``python -m stages.report``."""

import sys

from mlx_reward.pipeline.run import run_stage

sys.exit(run_stage("report"))
