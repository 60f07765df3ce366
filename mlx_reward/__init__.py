"""Reward models on MLX: Bradley-Terry, calibrated, reproducible."""

from mlx_reward import cpu

BLAS = cpu.prepare()  # before mlx is imported anywhere
