import mlx_reward  # noqa: F401  # before mlx, as every stage does
