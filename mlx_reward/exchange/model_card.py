"""README.md of an exported model: what it is, where it is from, how good it is, how to use it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from mlx_reward.data.pair import Message, Prompt, as_messages
from mlx_reward.evaluation.metric_table import markdown_table
from mlx_reward.evaluation.warnings import warnings
from mlx_reward.model.checkpoint_config import RewardConfig
from mlx_reward.utils.templates import environment

ENVIRONMENT = environment("mlx_reward.exchange")
NO_BIAS = 1e-6  # a smaller constant would not show


@dataclass(frozen=True)
class Example:
    """A pair of the model's own domain."""

    prompt: Prompt
    chosen: str
    rejected: str


PLAIN = Example(prompt="What is 2 + 2?", chosen="4", rejected="5")


@dataclass(frozen=True)
class CardFacts:
    """What the card says besides the figures; what is not known is left out.

    ``base_model`` and ``dataset`` are ids of the Hugging Face hub, ``base`` and ``data`` what
    params.yaml calls them. ``example`` is None where its texts are private.
    """

    base: str | None = None
    base_model: str | None = None
    data: str | None = None
    dataset: str | None = None
    license: str | None = None
    languages: Sequence[str] = ()
    example: Example | None = None
    probes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def model_card(
    config: RewardConfig, metrics: Mapping[str, Any], bias: float, facts: CardFacts
) -> str:
    """Return the card in Markdown.

    ``metrics`` is metrics/eval.json, or empty where the model was not evaluated; ``bias`` is the
    constant by which the exported scores are less than the rewards.
    """
    example = facts.example or PLAIN
    return ENVIRONMENT.get_template("model_card.md.jinja").render(
        front_matter=_front_matter(facts),
        config=config,
        facts=facts,
        metrics=metrics,
        table=markdown_table(metrics),
        warnings=warnings(metrics, facts.probes) if metrics else [],
        probes=_probe_rows(facts.probes),
        chosen=_literal(_conversation(example.prompt, example.chosen)),
        rejected=_literal(_conversation(example.prompt, example.rejected)),
        bias=bias if abs(bias) > NO_BIAS else None,
    )


def _front_matter(facts: CardFacts) -> str:
    """Return the fields that the hub reads, as YAML; a name of a user's is quoted as need be."""
    fields: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
        "license": facts.license,
        "base_model": facts.base_model,
        "datasets": [facts.dataset] if facts.dataset else None,
        "language": list(facts.languages) or None,
        "tags": ["reward-model", "mlx-reward"],
    }
    known = {name: value for name, value in fields.items() if value is not None}
    return yaml.safe_dump(known, sort_keys=False, allow_unicode=True).strip()


def _probe_rows(probes: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, int]]:
    """Return name, share fooled and number of each kind of probe, the most harmful first."""
    measured = [(name, row) for name, row in probes.items() if row.get("fooled") is not None]
    measured.sort(key=lambda item: -item[1]["fooled"])
    return [(n.replace("_", " "), f"{100 * r['fooled']:.0f} %", r["probes"]) for n, r in measured]


def _conversation(prompt: Prompt, response: str) -> list[Message]:
    return [*as_messages(prompt), {"role": "assistant", "content": response}]


def _literal(messages: list[Message]) -> str:
    """Return messages as one line of Python, in which no text can end the block of code."""
    return json.dumps(messages, ensure_ascii=False)
