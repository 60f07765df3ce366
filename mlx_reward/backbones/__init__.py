"""Where a frozen language model comes from (a wheel, a folder, a GGUF file, the hub), and how it is
opened.

Knows nothing of rewards: adapters and heads belong to model.
"""

from mlx_reward.cpu import prepare

prepare.prepare()  # before any module of this room loads MLX
