"""Fits a reward model: losses, the train step, the trainer with its state and log, data parallelism.

Takes data and an engine as arguments; reads no params.yaml and names no path.
"""

from mlx_reward.cpu import prepare

prepare.prepare()  # before any module of this room loads MLX
