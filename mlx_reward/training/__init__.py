"""Fits a reward model: losses, the train step, the trainer, its state and log, data parallelism.

Data and engine are arguments; nothing here reads params.yaml or names a path of the project.
"""

from mlx_reward.cpu import prepare

prepare.prepare()  # before any module of this room loads MLX
