"""AdamW as torch and TRL have it: with bias correction, and decay of the matrices alone."""

import mlx.core as mx
import mlx.optimizers as optim

from mlx_reward.training.schedules import Schedule


def make_optimizer(learning_rate: Schedule, weight_decay: float) -> optim.Optimizer:
    """Return AdamW for the trainable weights of a RewardNetwork.

    ``learning_rate`` is a function of the step. Bias correction (Kingma & Ba 2015, algorithm 1),
    which MLX leaves out unless asked, makes the first updates as long as the learning rate, not
    three to six times as long. ``weight_decay`` applies to what ``is_decayed`` says.
    """

    def adamw(decay: float) -> optim.Optimizer:
        return optim.AdamW(learning_rate, weight_decay=decay, bias_correction=True)

    return optim.MultiOptimizer([adamw(weight_decay), adamw(0.0)], [is_decayed])


def is_decayed(name: str, weight: mx.array) -> bool:
    """Return whether weight decay applies: to matrices of the backbone's blocks.

    Biases, norms and DoRA's magnitudes are no matrices (those of experts are stacked to one), and
    the head's scale is what calibration measures.
    """
    return weight.ndim > 1 and not name.startswith("head.") and not name.endswith("bias")
