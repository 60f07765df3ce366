"""N responses to each prompt from a language model, for best-of-N and labelling."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx_lm import batch_generate
from mlx_lm.sample_utils import make_sampler

from mlx_reward.backbones.load import load_language_model
from mlx_reward.data.chat import TEMPLATE_DATE, with_date
from mlx_reward.data.formats.conversation import read_prompt
from mlx_reward.data.formats.row import BadRow
from mlx_reward.data.pair import as_messages
from mlx_reward.inference.output_rows import Row, Unusable, unusable, without_results

BATCH = 8  # prompts that are sampled at once: what a killed job loses, at most


class Sampler:
    """A language model with its sampling settings.

    The same seed and rows give the same responses on one machine.
    """

    def __init__(
        self, folder: Path, count: int, max_tokens: int, temperature: float, top_p: float, seed: int
    ) -> None:
        self.model, tokenizer = load_language_model(folder)
        self.tokenizer: Any = tokenizer  # its methods carry no types
        self._template_options = {}
        template = self.tokenizer.chat_template
        if template and "strftime_now" in template:  # tomorrow's samples are those of today
            self._template_options["chat_template"] = with_date(template, TEMPLATE_DATE)
        self.count = count
        self.max_tokens = max_tokens
        self.seed = seed
        self._sample_token = make_sampler(temp=temperature, top_p=top_p)

    def rows(self, rows: Sequence[Row | BadRow]) -> list[Row]:
        """Return each row with ``responses``, or with ``error`` if it cannot be used.

        Empty responses are dropped, so that a row can have fewer than ``count``.
        """
        sampled: list[Row] = []
        prompts: list[list[int]] = []
        for row in rows:
            try:
                if isinstance(row, BadRow):
                    raise row
                prompts.append(self._tokens(read_prompt("prompt", row.get("prompt"))))
                sampled.append(without_results(row))
            except BadRow as error:
                sampled.append(unusable({} if isinstance(row, BadRow) else row, str(error)))
        responses = iter(self._generate(prompts))
        return [
            row if isinstance(row, Unusable) else _with_responses(row, next(responses))
            for row in sampled
        ]

    def _tokens(self, prompt: str | list[dict[str, str]]) -> list[int]:
        tokens = self.tokenizer.apply_chat_template(
            as_messages(prompt),
            add_generation_prompt=True,
            **self._template_options,
        )
        return list(tokens)

    def _generate(self, prompts: list[list[int]]) -> list[list[str]]:
        """Return ``count`` texts for each prompt of token ids."""
        if not prompts:
            return []
        # A seed of these prompts alone, so that a resumed job samples what it would have sampled.
        digest = hashlib.sha256(f"{self.seed} {json.dumps(prompts)}".encode()).digest()
        mx.random.seed(int.from_bytes(digest[:4], "little"))
        answer = batch_generate(
            self.model,
            self.tokenizer,
            [prompt for prompt in prompts for _ in range(self.count)],
            max_tokens=self.max_tokens,
            sampler=self._sample_token,
        )
        texts = [text.strip() for text in answer.texts]
        return [texts[i : i + self.count] for i in range(0, len(texts), self.count)]


def _with_responses(row: Row, texts: list[str]) -> Row:
    """Return ``row`` with those of ``texts`` that are not empty as its ``responses``."""
    responses = [text for text in texts if text]
    if not responses:
        return unusable(row, "every response was empty")
    return row | {"responses": responses}
