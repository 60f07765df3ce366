"""What makes MLX quick on a Linux CPU: an optimized BLAS, the allocator, attention and activations.

``prepare.prepare()`` has to run before MLX is loaded, so every room that loads MLX calls it in its
``__init__``; rooms that run without MLX import nothing from here. Knows nothing of reward models.
"""

from mlx_reward.cpu import prepare

prepare.prepare()  # before any module of this room loads MLX
