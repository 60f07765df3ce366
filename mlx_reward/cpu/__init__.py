"""What makes MLX quick on a Linux CPU: an optimized BLAS, the allocator, attention and activations.

``prepare.prepare()`` has to run before MLX is loaded, so every room that loads MLX calls it in its
``__init__``; rooms that run without MLX import nothing from here. Knows nothing of reward models.
"""

from mlx_reward.cpu import prepare
from mlx_reward.utils.transformers_import import import_transformers

prepare.prepare()  # before any module of this room loads MLX
import_transformers()  # mlx_lm, which every room above loads, imports it
