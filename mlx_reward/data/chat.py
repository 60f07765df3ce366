"""A conversation into token ids: the backbone's chat template, no control token out of data, never a cut response."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2.exceptions import TemplateError
from transformers import AutoTokenizer  # reads the variable when imported

from mlx_reward.utils.errors import InputError

Message = dict[str, str]

# For backbones that were never taught to chat; readable text that any tokenizer knows.
PLAIN_TEMPLATE = (
    "{{ bos_token or '' }}{% for m in messages %}{{ m['role'] | capitalize }}: {{ m['content'] }}\n\n{% endfor %}"
    "{{ eos_token or '' }}"
)
_MARK, _END = (
    "\ue000",
    "\ue001",
)  # private-use characters that stand in for control-token look-alikes


class TooLong(InputError):
    """The response alone exceeds max_seq_length."""


@dataclass(frozen=True)
class Rendered:
    """Token ids of one conversation, and whether its prompt was cut to fit."""

    tokens: list[int]
    cut: bool


class Renderer:
    """Renders (prompt, response) with one tokenizer, template and length limit."""

    def __init__(
        self, tokenizer: Any, max_seq_length: int, chat_template: str | None = None
    ) -> None:
        self.chat_template = chat_template or tokenizer.chat_template or PLAIN_TEMPLATE
        self.max_seq_length = max_seq_length
        self._tokenizer = tokenizer
        self._special = sorted(
            (t.content for t in _special_tokens(tokenizer)), key=len, reverse=True
        )
        self._ids = {text: tokenizer.convert_tokens_to_ids(text) for text in self._special}
        self._hidden = [*self._special, _MARK]
        self._find_special = re.compile(
            "(" + "|".join(map(re.escape, self._special)) + ")" if self._special else "(?!)"
        )
        self._find_hidden = re.compile("|".join(map(re.escape, self._hidden)))
        self._takes_system = self._accepts(
            [{"role": "system", "content": "x"}, {"role": "user", "content": "x"}]
        )

    def render(self, prompt: str | list[Message], response: str) -> Rendered:
        """Tokens of the whole conversation, at most ``max_seq_length``.

        What is too long loses the oldest turns of the prompt first, then the beginning of its last message; the response
        stays whole. Raises TooLong where the response alone does not fit.
        """
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        for index, shorter in enumerate(self._ever_shorter(messages, response)):
            tokens = self._encode([*shorter, {"role": "assistant", "content": response}])
            if len(tokens) <= self.max_seq_length:
                return Rendered(tokens, cut=index > 0)
        raise TooLong(
            f"the response alone is {len(tokens)} tokens, over max_seq_length {self.max_seq_length}; "
            "raise train.max_seq_length or shorten the response"
        )

    def is_rendered(self, text: str) -> bool:
        """Whether control tokens stand in ``text``, which in data are never more than text."""
        return self._find_special.search(text) is not None

    def encode_rendered(self, text: str) -> list[int]:
        """Tokens of a conversation that is rendered already; the end of the template is put where it is missing.

        What is too long loses its beginning. InputError where there is nothing.
        """
        if not text.strip():
            raise InputError("the rendered conversation is empty")
        end = self._closing()
        there = next(n for n in range(len(end), -1, -1) if text.endswith(end[:n]))
        tokens = list(self._tokenizer(text + end[there:], add_special_tokens=False)["input_ids"])
        return tokens[-self.max_seq_length :]

    @property
    def last_token(self) -> str | None:
        """The special token that every rendered conversation ends with, if any."""
        tokens = self._encode(
            [{"role": "user", "content": "x"}, {"role": "assistant", "content": "x"}]
        )
        return next((text for text, id in self._ids.items() if id == tokens[-1]), None)

    def _closing(self) -> str:
        """What the template puts behind a response."""
        return self._apply(
            [{"role": "user", "content": "x"}, {"role": "assistant", "content": _MARK}]
        ).rpartition(_MARK)[2]

    def _ever_shorter(self, messages: list[Message], response: str) -> Iterator[list[Message]]:
        yield messages
        while len(messages) > 1:
            messages = messages[1:]
            if messages[0]["role"] == "user" or len(messages) == 1:
                yield messages
        last = messages[-1]
        keep = len(self._tokenizer(last["content"], add_special_tokens=False)["input_ids"])
        while keep > 0:
            over = (
                len(self._encode([last, {"role": "assistant", "content": response}]))
                - self.max_seq_length
            )
            keep -= max(over, 1)
            last = {**last, "content": self._last_tokens(messages[-1]["content"], keep)}
            yield [last]

    def _last_tokens(self, text: str, count: int) -> str:
        if count <= 0:
            return ""
        offsets = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)[
            "offset_mapping"
        ]
        return text[offsets[-count][0] :]

    def _encode(self, messages: list[Message]) -> list[int]:
        """Canonical ids where the text holds no look-alike; else look-alikes are spelled out in ordinary tokens."""
        hidden = [{**m, "content": self._hide(m["content"])} for m in self._fold_system(messages)]
        text = self._apply(hidden)
        if hidden == messages or _MARK not in text:
            return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])
        pieces = (p for p in self._find_special.split(text) if p)
        return [
            i
            for p in pieces
            for i in ([self._ids[p]] if p in self._ids else self._spell(self._reveal(p)))
        ]

    def _apply(self, messages: list[Message]) -> str:
        try:
            return str(
                self._tokenizer.apply_chat_template(
                    messages, chat_template=self.chat_template, tokenize=False
                )
            )
        except TemplateError as error:
            raise InputError(
                f"the backbone's chat template refuses this conversation: {error}"
            ) from None

    def _accepts(self, messages: list[Message]) -> bool:
        try:
            self._apply(messages)
        except InputError:
            return False
        return True

    def _fold_system(self, messages: list[Message]) -> list[Message]:
        """Templates without a system role (Gemma's) get it as the beginning of the first user turn."""
        if self._takes_system or len(messages) < 2 or messages[0]["role"] != "system":
            return messages
        first, second, *rest = messages
        return [{**second, "content": f"{first['content']}\n\n{second['content']}"}, *rest]

    def _hide(self, text: str) -> str:
        return self._find_hidden.sub(lambda m: f"{_MARK}{self._hidden.index(m[0])}{_END}", text)

    def _reveal(self, text: str) -> str:
        return re.sub(f"{_MARK}(\\d+){_END}", lambda m: self._hidden[int(m[1])], text)

    def _spell(self, text: str) -> list[int]:
        return list(
            self._tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        )


def _special_tokens(tokenizer: Any) -> list[Any]:
    return [t for t in tokenizer.added_tokens_decoder.values() if t.special]


def load_renderer(
    backbone: Path, max_seq_length: int, chat_template: str | None = None
) -> Renderer:
    """The renderer of the backbone folder; ``chat_template`` overrides its template (a checkpoint records its own)."""
    if not (
        backbone / "tokenizer_config.json"
    ).exists():  # else transformers would look for it on the hub
        raise InputError(f"{backbone}: no backbone there; run `dvc repro base`, which makes it")
    return Renderer(
        AutoTokenizer.from_pretrained(backbone, local_files_only=True),
        max_seq_length,
        chat_template,
    )
