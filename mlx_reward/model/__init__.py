"""The reward network: a backbone, the pooling of its last token, a head; its adapters; its weights
and config on disk.

How it is run (streams, padding, shared prefixes) belongs to engine, how it is fitted to training.
"""

from mlx_reward.cpu import prepare

prepare.prepare()  # before any module of this room loads MLX
