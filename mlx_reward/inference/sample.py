"""N responses to each prompt from a language model, for best-of-N and labelling."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx_lm import batch_generate
from mlx_lm.sample_utils import make_sampler
from mlx_lm.tokenizer_utils import load

from mlx_reward.backbones.load import load_language_model
from mlx_reward.data.formats.conversation import read_prompt
from mlx_reward.data.formats.row import BadRow

Row = dict[str, Any]


class Sampler:
    """A language model with the settings it samples by; the same seed and rows give the same responses on one machine."""

    def __init__(
        self, folder: Path, count: int, max_tokens: int, temperature: float, top_p: float, seed: int
    ) -> None:
        self.model = load_language_model(folder)
        self.tokenizer: Any = load(folder)
        self.count, self.max_tokens, self.seed = count, max_tokens, seed
        self._choose = make_sampler(temp=temperature, top_p=top_p)

    def rows(self, rows: Sequence[Row | BadRow]) -> list[Row]:
        """Each row with ``responses``, fewer than asked for where some were empty; ``error`` where it cannot be used."""
        found: list[Row] = []
        prompts: list[list[int]] = []
        for row in rows:
            try:
                if isinstance(row, BadRow):
                    raise row
                prompts.append(self._tokens(read_prompt("prompt", row.get("prompt"))))
                found.append(dict(row))
            except BadRow as error:
                found.append(({} if isinstance(row, BadRow) else row) | {"error": str(error)})
        responses = iter(self._generate(prompts))
        for row in found:
            if "error" not in row:
                row["responses"] = [text for text in next(responses) if text]
                if not row["responses"]:
                    row["error"] = "every response was empty"
        return found

    def _tokens(self, prompt: str | list[dict[str, str]]) -> list[int]:
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        return list(self.tokenizer.apply_chat_template(messages, add_generation_prompt=True))

    def _generate(self, prompts: list[list[int]]) -> list[list[str]]:
        """(P, count) texts."""
        if not prompts:
            return []
        drawn = hashlib.sha256(f"{self.seed} {json.dumps(prompts)}".encode()).digest()
        mx.random.seed(
            int.from_bytes(drawn[:4], "little")
        )  # of these prompts, wherever a job that was stopped goes on
        repeated = [prompt for prompt in prompts for _ in range(self.count)]
        answer = batch_generate(
            self.model, self.tokenizer, repeated, max_tokens=self.max_tokens, sampler=self._choose
        )
        texts = [text.strip() for text in answer.texts]
        return [texts[i : i + self.count] for i in range(0, len(texts), self.count)]
