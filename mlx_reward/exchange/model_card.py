"""README.md of an exported model: what it is, how good it is, how to use it."""

from collections.abc import Mapping
from typing import Any

from mlx_reward.model.checkpoint import RewardConfig

TEXT = """---
library_name: transformers
pipeline_tag: text-classification
tags: [reward-model, mlx-reward]
---

# Reward model

A Bradley-Terry reward model trained by mlx-reward: the score of a conversation is how good its last response is.

```python
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

model, tokenizer = AutoModelForSequenceClassification.from_pretrained("."), AutoTokenizer.from_pretrained(".")
messages = [{{"role": "user", "content": "What is 2 + 2?"}}, {{"role": "assistant", "content": "4"}}]
inputs = tokenizer(tokenizer.apply_chat_template(messages, tokenize=False), return_tensors="pt", add_special_tokens=False)
print(model(**inputs).logits[0, 0].item())
```

{evidence}

Rewards of training responses had a mean of {mean:.4f} and a standard deviation of {deviation:.4f}.{bias} Texts of more than
{length} tokens were cut from the left in training.
"""


def model_card(config: RewardConfig, evidence: Mapping[str, Any], bias: float) -> str:
    """``evidence``: metrics/eval.json, or nothing; ``bias``: what the scores lack."""
    shift = (
        f" The scores lack a constant of {bias:.4f}, for transformers' head has no bias."
        if abs(bias) > 1e-6
        else ""
    )
    return TEXT.format(
        evidence=_evidence(evidence),
        mean=config.reward_mean,
        deviation=config.reward_std,
        bias=shift,
        length=config.max_seq_length,
    )


def _evidence(figures: Mapping[str, Any]) -> str:
    if not figures:
        return "It has not been evaluated."
    scaled = f"sigmoid(difference of scores / {figures['temperature']:.4f})"
    probabilities = (
        f"read off an isotonic curve; nearly {scaled}"
        if figures.get("calibration_knots")
        else scaled
    )
    rows = "\n".join(
        f"| {name} | {figures[name]:.4f} | {figures[f'{name}_low']:.4f} to {figures[f'{name}_high']:.4f} |"
        for name in ("accuracy", "ece", "nll", "brier")
    )
    return (
        f"On {figures['pairs']} test pairs whose prompts were not seen in training, with probabilities\n{probabilities}:\n\n"
        f"| figure | value | 95 % interval |\n|---|---|---|\n{rows}\n\n"
        f"Always preferring the longer response scores {figures['longer_wins_accuracy']:.4f}, "
        f"a bag of words {figures['bag_of_words_accuracy']:.4f}."
    )
