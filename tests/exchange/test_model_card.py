"""The model card says how good the model is, and what the exported scores lack."""

import re
from typing import Any

import yaml

from mlx_reward.exchange.model_card import CardFacts, Example, model_card
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
    card = model_card(CONFIG, METRICS, bias=0.0, facts=CardFacts())
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
    assert "has to name a license" in card


def test_an_isotonic_curve_and_a_missing_bias_are_named() -> None:
    card = model_card(CONFIG, METRICS | {"calibration_knots": 3}, bias=0.25, facts=CardFacts())
    assert "read off an isotonic curve; nearly sigmoid(difference of scores / 2.0000)" in card
    assert "The scores lack a constant of 0.2500" in card


def test_a_model_that_was_not_evaluated_says_so() -> None:
    card = model_card(CONFIG, {}, bias=0.0, facts=CardFacts())
    assert "It has not been evaluated." in card
    assert "| metric |" not in card


NASTY = '"""\n```\n<img src=x>\n---\nlicense: [mit]'
FACTS = CardFacts(
    base="google/gemma-2b-it",
    base_model="google/gemma-2b-it",
    data=f"data/raw/{NASTY}",
    dataset="owner/preferences",
    license="cc-by-4.0",
    languages=["en", "no"],
    example=Example([{"role": "user", "content": f"Why? {NASTY}"}], f"right {NASTY}", "wrong"),
    probes={
        "typos": {"fooled": 0.25, "probes": 12},
        "padding": {
            "fooled": 1.0,
            "fooled_low": 0.7,
            "fooled_high": 1.0,
            "fooled_p": 0.01,
            "probes": 12,
        },
        "markdown": {"fooled": None, "probes": 0},
    },
)


def test_the_hub_reads_license_base_data_and_language() -> None:
    card = model_card(CONFIG, METRICS, bias=0.0, facts=FACTS)
    fields = yaml.safe_load(card.split("---\n")[1])
    assert fields == {
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
        "license": "cc-by-4.0",
        "base_model": "google/gemma-2b-it",
        "datasets": ["owner/preferences"],
        "language": ["en", "no"],  # which YAML 1.1 takes for false where it is not quoted
        "tags": ["reward-model", "mlx-reward"],
    }
    assert "has to name a license" not in card


def test_the_example_is_of_the_models_domain_and_cannot_leave_its_block() -> None:
    card = model_card(CONFIG, METRICS, bias=0.0, facts=FACTS)
    code = re.search(r"```python\n(.*?)\n```\n", card, re.S)
    assert code is not None
    found: dict[str, Any] = {}
    lines = [line for line in code[1].splitlines() if line.startswith(("chosen =", "rejected ="))]
    exec("\n".join(lines), found)
    assert found["chosen"][0] == {"role": "user", "content": f"Why? {NASTY}"}
    assert found["chosen"][1]["content"] == f"right {NASTY}"
    assert found["rejected"][1]["content"] == "wrong"
    compile(code[1], "card", "exec")
    assert "<img" not in card.replace(code[1], "")


def test_limitations_hold_the_warnings_and_the_probes_the_most_harmful_first() -> None:
    card = model_card(CONFIG, METRICS, bias=0.0, facts=FACTS)
    assert "| padding | 100 % | 12 |\n| typos | 25 % | 12 |\n" in card
    assert "markdown |" not in card
    assert "- It is fooled more often than not by padding (12 of 12" in card
    assert "- It is not significantly better than preferring the longer response" in card
