"""One module a stage of dvc.yaml; run as ``python -m stages.train`` from the project's root."""

from mlx_reward.errors import quiet_interrupts  # mlx_reward comes before mlx: it loads the BLAS that MLX shall use

quiet_interrupts()
