"""The training objective: one pure function of rewards."""

import mlx.core as mx


def bradley_terry(margins: mx.array, labels: mx.array) -> mx.array:
    """Cross-entropy in nats of "chosen beats rejected" with probability sigmoid(r_chosen - r_rejected), the batch's mean.

    -(q log sigmoid(m) + (1 - q) log sigmoid(-m)). Bradley & Terry 1952; for q = 1 it is equation 1 of Ouyang et al. 2022
    (InstructGPT), which averages over all comparisons of a batch.

    Args:
        margins: (P,) m = r_chosen - r_rejected of each comparison.
        labels: (P,) q, the share of judges for chosen; 1 for a plain preference.
    """
    return (mx.logaddexp(0.0, -margins) + (1 - labels) * margins).mean()
