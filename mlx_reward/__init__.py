"""Reward models on MLX: Bradley-Terry, calibrated, reproducible."""

import os

from mlx_reward import cpu

os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # it would tell everyone that PyTorch is missing
BLAS = cpu.prepare()  # before mlx is imported anywhere
