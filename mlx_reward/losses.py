"""The training objective: one pure function of rewards."""

import mlx.core as mx


def bradley_terry(margins: mx.array, weights: mx.array) -> tuple[mx.array, mx.array]:
    """Negative log-likelihood that chosen beats rejected: -log sigmoid(r_chosen - r_rejected).

    Bradley & Terry 1952; Ouyang et al. 2022 (InstructGPT), equation 1, which averages over all comparisons of a batch.

    Args:
        margins: (P,) r_chosen - r_rejected of each comparison.
        weights: (P,) weight of each comparison; a padding comparison weighs 0.

    Returns:
        The weighted mean in nats, and the sum of the weights by which to average over batches.
    """
    total = mx.maximum(weights.sum(), 1e-9)
    return (mx.logaddexp(0.0, -margins) * weights).sum() / total, total
