"""Import from and export to transformers, and models with their adapters fused, for MLX.

Formats of other programs only; the project's own checkpoint belongs to model.
"""

from mlx_reward.cpu import prepare

prepare.prepare()  # before any module of this room loads MLX
