"""README.md of an exported model: what it is, how good it is, how to use it."""

from collections.abc import Mapping
from typing import Any

from mlx_reward.evaluation.metric_table import markdown_table
from mlx_reward.model.checkpoint_config import RewardConfig
from mlx_reward.utils.templates import environment

ENVIRONMENT = environment("mlx_reward.exchange")
NO_BIAS = 1e-6  # a smaller constant would not show


def model_card(config: RewardConfig, metrics: Mapping[str, Any], bias: float) -> str:
    """Return the card in Markdown.

    ``metrics`` is metrics/eval.json, or empty where the model was not evaluated; ``bias`` is the
    constant by which the exported scores are less than the rewards.
    """
    return ENVIRONMENT.get_template("model_card.md.jinja").render(
        config=config,
        metrics=metrics,
        table=markdown_table(metrics),
        bias=bias if abs(bias) > NO_BIAS else None,
    )
