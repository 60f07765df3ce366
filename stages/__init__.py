"""One module a stage of dvc.yaml; run as ``python -m stages.train`` from the project's root."""

import mlx_reward  # noqa: F401  # before any stage imports mlx: it loads the BLAS that MLX shall use
