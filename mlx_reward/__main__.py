"""``python -m mlx_reward`` is the command ``mlx-reward``."""

import sys

from mlx_reward.cli.main import main

sys.exit(main())
