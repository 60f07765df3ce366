"""The model card says how good the model is, and what the exported scores lack."""

from typing import Any

from mlx_reward.exchange.model_card import model_card
from mlx_reward.model.checkpoint_config import RewardConfig

CONFIG = RewardConfig("base", "digest", "template", 200, 0.5, 2.0, {})
METRICS: dict[str, Any] = {
    "accuracy": 0.75,
    "accuracy_low": 0.7,
    "accuracy_high": 0.8,
    "spearman": None,
    "spearman_low": None,
    "spearman_high": None,
    "kendall": 0.5,
    "kendall_low": 0.4,
    "kendall_high": 0.6,
    "pairs": 9,
    "temperature": 2.0,
    "calibration_knots": 0,
    "longer_wins_accuracy": 0.5,
    "bag_of_words_accuracy": 0.6,
}


def test_the_card_has_the_metrics_with_an_interval() -> None:
    card = model_card(CONFIG, METRICS, bias=0.0)
    table = [line for line in card.splitlines() if line.startswith("|")]
    assert table[2:] == [
        "| accuracy | 0.7500 | 0.7000 to 0.8000 |",
        "| Kendall's tau in a prompt | 0.5000 | 0.4000 to 0.6000 |",
    ]
    assert "On 9 test pairs" in card
    assert "probabilities\nsigmoid(difference of scores / 2.0000):\n" in card
    assert "a bag of words 0.6000." in card
    assert "lack a constant" not in card
    assert card.startswith("---\nlibrary_name: transformers\n")
    assert '{"role": "user", "content": "What is 2 + 2?"}' in card


def test_an_isotonic_curve_and_a_missing_bias_are_named() -> None:
    card = model_card(CONFIG, METRICS | {"calibration_knots": 3}, bias=0.25)
    assert "read off an isotonic curve; nearly sigmoid(difference of scores / 2.0000)" in card
    assert "The scores lack a constant of 0.2500" in card


def test_a_model_that_was_not_evaluated_says_so() -> None:
    card = model_card(CONFIG, {}, bias=0.0)
    assert "It has not been evaluated." in card
    assert "| metric |" not in card
