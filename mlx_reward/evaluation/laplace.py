"""How unsure one model is of a reward: a Laplace approximation over its last linear layer.

Rewards are w . x + b, with x what the last layer gets. Given x, a preference is logistic in w, so
that its posterior is nearly normal around the trained w, with a covariance in closed form (MacKay
1992; Daxberger et al. 2021, "Laplace Redux", section 3; for reward models Yang et al. 2024,
"Bayesian Reward Models for LLM Alignment"). b is in no comparison, and neither is a common
direction of all x: a reward is measured against the mean reward of the training texts.
"""

from dataclasses import dataclass

import numpy as np

from mlx_reward.utils.arrays import Array, Indices, sigmoid

LOG_BOUNDS = (-15.0, 25.0)  # of the prior precision


@dataclass(frozen=True)
class Laplace:
    """The posterior of the W weights of a last layer.

    ``factor`` (W, W): its covariance is factor @ factor.T. ``center`` (W,) is the mean of what the
    layer gets for training texts. ``prior_precision`` is that of each weight, before any data.
    """

    center: Array
    factor: Array
    prior_precision: float

    def deviations(self, inputs: Array) -> Array:
        """Return the standard deviations (N,) of the rewards of ``inputs`` (N, W), in their unit.

        A reward is that above the mean of the training texts.
        """
        return np.asarray(np.linalg.norm((inputs - self.center) @ self.factor, axis=1))


def fit_laplace(inputs: Array, chosen: Indices, rejected: Indices, weights: Array) -> Laplace:
    """Return the posterior of the trained ``weights`` (W,).

    ``inputs`` (N, W) are what the layer gets for training texts, of which pairs compare those at
    the indices ``chosen`` and ``rejected`` (P,). With d = x_chosen - x_rejected and p = sigmoid(w .
    d), the precision is H + lambda I, H the sum of p (1 - p) d d'.
    """
    differences = inputs[chosen] - inputs[rejected]
    p = sigmoid(differences @ weights)
    hessian = (differences * (p * (1 - p))[:, None]).T @ differences
    eigenvalues, eigenvectors = np.linalg.eigh(hessian)
    eigenvalues = np.maximum(eigenvalues, 0.0)
    precision = prior_precision(eigenvalues, weights)
    factor = eigenvectors / np.sqrt(eigenvalues + precision)
    return Laplace(inputs.mean(axis=0), factor, precision)


def prior_precision(eigenvalues: Array, weights: Array) -> float:
    """Return the lambda of the highest marginal likelihood.

    The ``eigenvalues`` (W,) are those of H, and the weights' prior is N(0, 1 / lambda), for
    training starts at zero. Up to a constant the log of the marginal likelihood is
    (-lambda |w|^2 + W log lambda - sum log(h + lambda)) / 2: Daxberger et al. 2021, equation 5.
    """
    from scipy.optimize import minimize_scalar  # late: scoring needs no SciPy

    square = float(weights @ weights)

    def loss(log_precision: float) -> float:
        precision = np.exp(log_precision)
        log_determinant = np.log(eigenvalues + precision).sum()
        return float(precision * square - len(weights) * log_precision + log_determinant)

    return float(np.exp(minimize_scalar(loss, bounds=LOG_BOUNDS).x))
