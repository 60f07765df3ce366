"""Runs a reward network over token ids: streams, shared prefixes, padding-free or padded batches,
frozen features, ensembles.

``Engine`` has three verbs: ``forward`` (differentiable), ``score`` (many texts, in batches) and
``features``. It knows no pairs, no optimizer, no processes and no epochs; those belong to training,
files and rows to inference.
"""

from mlx_reward.cpu import prepare

prepare.prepare()  # before any module of this room loads MLX
