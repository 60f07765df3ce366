"""The posterior of a last layer: by hand, and against what was drawn."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from mlx_reward.evaluation.laplace import fit_laplace, prior_precision


def test_one_weight_and_one_pair_by_hand() -> None:
    """x is 1 for chosen and 0.5 for rejected, w = 2: m = 1, p (1 - p) = 0.196612, and with d = 0.5
    h = 0.049153. The marginal likelihood is highest where h / (l (h + l)) = w^2, that is
    l^2 + h l - h / 4 = 0: l = 0.088963. The variance of w is 1 / (h + l) = 7.2402; the mean x is
    0.75, so that the reward of x = 1 has a deviation of 0.25 sqrt(7.2402) = 0.67269.
    """
    inputs = np.array([[1.0], [0.5]])
    found = fit_laplace(inputs, np.array([0]), np.array([1]), np.array([2.0]))
    assert found.prior_precision == pytest.approx(0.088963, rel=1e-3)
    assert found.center == pytest.approx([0.75])
    assert found.deviations(np.array([[1.0], [0.75]])) == pytest.approx([0.67269, 0], rel=1e-3)


def test_the_precision_is_where_the_marginal_likelihood_is_highest() -> None:
    """In one dimension it can be integrated: p(D | l) = integral of N(w; 0, 1 / l) likelihood(w),
    the likelihood being normal around the trained weight with precision h.
    """
    h, trained = 4.0, 1.5
    grid = np.linspace(-40, 40, 400_001)

    def evidence(precision: float) -> float:
        prior = np.sqrt(precision) * np.exp(-precision * grid**2 / 2)
        # MacKay's own reading: the posterior's peak is at the trained weight
        peak = np.sqrt(precision) * np.exp(-precision * trained**2 / 2)
        width = np.trapezoid(np.exp(-(h + precision) * (grid - trained) ** 2 / 2), grid)
        assert prior.max() > 0
        return float(peak * width)

    found = prior_precision(np.array([h]), np.array([trained]))
    nearby = [evidence(found * factor) for factor in (0.9, 1.0, 1.1)]
    assert max(nearby) == nearby[1]


def test_deviations_hold_the_truth_as_often_as_they_say() -> None:
    """Weights and preferences are drawn; the true reward, above the training texts' mean, lies
    within 1.96 deviations of the fitted one for 95 % of new texts.
    """
    rng = np.random.default_rng(0)
    inside: list[float] = []
    for _ in range(40):
        truth = rng.normal(size=10)
        inputs = rng.normal(size=(300, 10))
        chosen, rejected = np.arange(150), np.arange(150, 300)
        flipped = rng.random(150) > expit((inputs[chosen] - inputs[rejected]) @ truth)
        chosen, rejected = np.where(flipped, (rejected, chosen), (chosen, rejected))
        differences = inputs[chosen] - inputs[rejected]
        both = np.concatenate([differences, -differences])
        labels = np.repeat([1, 0], len(differences))
        fit = LogisticRegression(C=0.5, fit_intercept=False).fit(both, labels)  # prior N(0, 1)
        weights = fit.coef_[0]
        found = fit_laplace(inputs, chosen, rejected, weights)
        new = rng.normal(size=(200, 10))
        errors = (new - found.center) @ (weights - truth)
        inside.append(float((np.abs(errors) < 1.96 * found.deviations(new)).mean()))
    assert np.mean(inside) == pytest.approx(0.95, abs=0.03)


def test_pairs_make_it_surer_along_what_they_compare_only() -> None:
    rng = np.random.default_rng(1)
    inputs = np.zeros((400, 2))
    inputs[:, 0] = rng.normal(size=400)
    few = fit_laplace(inputs, np.arange(10), np.arange(10, 20), np.array([1.0, 0.0]))
    many = fit_laplace(inputs, np.arange(200), np.arange(200, 400), np.array([1.0, 0.0]))
    along, across = np.array([[3.0, 0.0]]), np.array([[0.0, 3.0]])
    assert many.deviations(along)[0] < few.deviations(along)[0] / 2
    assert many.deviations(across)[0] == pytest.approx(3 / np.sqrt(many.prior_precision), rel=0.05)
