"""A trained model in use: ``RewardModel``, jobs over rows of a file, labels, policy rewards.

No HTTP (server) and no command line (cli).
"""

from mlx_reward.cpu import prepare

prepare.prepare()  # before any module of this room loads MLX
