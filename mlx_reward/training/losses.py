"""Training objectives: pure functions of rewards."""

import mlx.core as mx


def bradley_terry(margins: mx.array, labels: mx.array) -> mx.array:
    """Cross-entropy in nats of "chosen beats rejected" with probability sigmoid(r_chosen - r_rejected), the batch's mean.

    -(q log sigmoid(m) + (1 - q) log sigmoid(-m)). Bradley & Terry 1952; for q = 1 it is equation 1 of Ouyang et al. 2022
    (InstructGPT), which averages over all comparisons of a batch.

    Args:
        margins: (P,) m = r_chosen - r_rejected of each comparison; less a target, m - t, it is equation 2 of Touvron et al.
            2023 (Llama 2).
        labels: (P,) q, the share of judges for chosen; 1 for a plain preference.
    """
    return (mx.logaddexp(0.0, -margins) + (1 - labels) * margins).mean()


def plackett_luce(winners: mx.array, losers: mx.array, choices: mx.array, count: int) -> mx.array:
    """Negative log-likelihood in nats of each response being picked out of itself and all it was preferred to, a comparison.

    sum over choices of log(exp(w) + sum exp(l)) - w, divided by P. Plackett 1975, Luce 1959: over a full ranking these choices
    are the Plackett-Luce model (Xia et al. 2008, equation 2, ListMLE); alone, two responses are Bradley-Terry's. A part of a
    ranking is a choice among fewer, which by Luce's axiom has the same odds.

    Args:
        winners: (P,) reward of the preferred response of each comparison.
        losers: (P,) reward of the other one.
        choices: (P,) which of ``count`` choices the comparison belongs to: those of one winner belong together.
        count: number of choices.
    """
    behind = losers - winners
    most = mx.stop_gradient(
        mx.zeros(count).at[choices].maximum(behind)
    )  # keeps the exponentials finite
    others = mx.zeros(count).at[choices].add(mx.exp(behind - most[choices]))
    return (most + mx.log(mx.exp(-most) + others)).sum() / len(winners)


def centering(chosen: mx.array, rejected: mx.array) -> mx.array:
    """Mean of (r_chosen + r_rejected)^2 over rewards (P,): it settles where zero is, which margins alone leave open.

    Eisenstein et al. 2023, "Helping or Herding?", equation 2.
    """
    return mx.square(chosen + rejected).mean()


def smoothed(labels: mx.array, share: float) -> mx.array:
    """``labels`` (P,) if a ``share`` of the preferences is the wrong way round (Szegedy et al. 2016, section 7)."""
    return labels * (1 - share) + (1 - labels) * share
