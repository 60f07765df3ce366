"""A conversation as token ids, by the backbone's chat template.

No text from data becomes a control token, and no response is cut.
"""

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from mlx_reward.data.pair import Message, Prompt, as_messages
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.template_guard import TooSlow, check_template, time_limit

# For backbones that were never taught to chat; readable text that any tokenizer knows.
PLAIN_TEMPLATE = (
    "{{ bos_token or '' }}"
    "{% for m in messages %}{{ m['role'] | capitalize }}: {{ m['content'] }}\n\n{% endfor %}"
    "{{ eos_token or '' }}"
)

# A stand-in for text that looks like a control token: a number between two private-use characters.
_STAND_IN_START = "\ue000"
_STAND_IN_END = "\ue001"
_STAND_IN = re.compile(f"{_STAND_IN_START}(\\d+){_STAND_IN_END}")


class TooLong(InputError):
    """The response alone exceeds max_seq_length."""


@dataclass(frozen=True)
class Rendered:
    """Token ids of one conversation, and whether its prompt was cut to fit."""

    tokens: list[int]
    cut: bool


class Renderer:
    """Renders (prompt, response) with one tokenizer, template and length limit.

    Text from data never becomes a control token, even if it looks like one. For the response
    "stop <|im_end|> here", where <|im_end|> is control token number 2 of the tokenizer:

    1. a stand-in hides the look-alike:  "stop \\ue0002\\ue001 here"
    2. the template puts it between:     "<|im_start|>assistant\\n" and "<|im_end|>"
    3. each control token that stands there now is the template's own, and becomes its one id;
    4. in the text between them the stand-ins are undone, and the look-alike is encoded as ordinary
       text: "<", "|", "im", "_end", "|", ">" or whatever the tokenizer has.
    """

    def __init__(
        self, tokenizer: Any, max_seq_length: int, chat_template: str | None = None
    ) -> None:
        self.chat_template = chat_template or tokenizer.chat_template or PLAIN_TEMPLATE
        self.max_seq_length = max_seq_length
        self._tokenizer = tokenizer
        added = tokenizer.added_tokens_decoder.values()
        # Longest first, so that a token is found before another that is its beginning.
        control = sorted((t.content for t in added if t.special), key=len, reverse=True)
        self._control_ids = {text: tokenizer.convert_tokens_to_ids(text) for text in control}
        self._lookalikes = [*control, _STAND_IN_START]  # a stand-in's number is an index into it
        self._find_control = _any_of(control)
        self._find_lookalike = _any_of(self._lookalikes)
        self._takes_system = self._try_template()

    def render(self, prompt: Prompt, response: str) -> Rendered:
        """Return the tokens of the whole conversation, at most ``max_seq_length``.

        What is too long loses the oldest turns of the prompt first, then the beginning of its last
        message; the response stays whole. Raises TooLong where the response alone does not fit.
        """
        messages = as_messages(prompt)
        tokens = self._encode(_answered(messages, response))
        if len(tokens) <= self.max_seq_length:
            return Rendered(tokens, cut=False)
        for shorter in self._shorter_prompts(messages, response):
            tokens = self._encode(_answered(shorter, response))
            if len(tokens) <= self.max_seq_length:
                return Rendered(tokens, cut=True)
        raise TooLong(
            f"the response alone is {len(tokens)} tokens, over max_seq_length "
            f"{self.max_seq_length}; raise train.max_seq_length or shorten the response"
        )

    def is_rendered(self, text: str) -> bool:
        """Return whether ``text`` spells a control token, as rendered conversations do."""
        return self._find_control.search(text) is not None

    def encode_rendered(self, text: str) -> list[int]:
        """Return the tokens of a conversation that is rendered already.

        Whatever is missing of the template's ending is added. What is too long loses its beginning.
        Raises InputError where there is nothing.
        """
        if not text.strip():
            raise InputError("the rendered conversation is empty")
        ending = self._template_ending()
        present = next(n for n in range(len(ending), -1, -1) if text.endswith(ending[:n]))
        return self._token_ids(text + ending[present:])[-self.max_seq_length :]

    @property
    def last_token(self) -> str | None:
        """The control token that every rendered conversation ends with, if any."""
        last = self._encode(_answered(as_messages("x"), "x"))[-1]
        return next((text for text, id in self._control_ids.items() if id == last), None)

    def _template_ending(self) -> str:
        """Return what the template puts behind a response."""
        rendered = self._apply_template(_answered(as_messages("x"), _STAND_IN_START))
        return rendered.rpartition(_STAND_IN_START)[2]

    def _shorter_prompts(self, messages: list[Message], response: str) -> Iterator[list[Message]]:
        """Yield as many of the prompt's last turns as fit, then the end of its last message."""
        yield from self._most_turns(messages, response)
        yield from self._end_of_turn(messages, response)

    def _most_turns(self, messages: list[Message], response: str) -> Iterator[list[Message]]:
        """Yield the longest end of the prompt that fits, from a user's turn on, if there is one.

        The more turns, the more tokens, so it is found by bisection: trying one turn less at a time
        would take time quadratic in the length of a conversation.
        """
        last = len(messages) - 1
        starts = [n for n, m in enumerate(messages) if n > 0 and (m["role"] == "user" or n == last)]

        def fits(start: int) -> bool:
            return len(self._encode(_answered(messages[start:], response))) <= self.max_seq_length

        first_that_fits = bisect.bisect_left(starts, True, key=fits)
        if first_that_fits < len(starts):
            yield messages[starts[first_that_fits] :]

    def _end_of_turn(self, messages: list[Message], response: str) -> Iterator[list[Message]]:
        """Yield the last message of the prompt, ever more of its beginning cut off."""
        last = messages[-1]
        whole = last["content"]
        keep = len(self._token_ids(whole))
        while keep > 0:
            excess = len(self._encode(_answered([last], response))) - self.max_seq_length
            keep -= max(excess, 1)
            last = {**last, "content": self._last_tokens(whole, keep)}
            yield [last]

    def _last_tokens(self, text: str, count: int) -> str:
        """Return the text of the last ``count`` tokens of ``text``."""
        if count <= 0:
            return ""
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        start, _ = encoded["offset_mapping"][-count]
        return text[start:]

    def _encode(self, messages: list[Message]) -> list[int]:
        """Return the token ids of a whole conversation; its contents are only ever text."""
        messages = self._fold_system(messages)
        hidden = [{**m, "content": self._hide_lookalikes(m["content"])} for m in messages]
        text = self._apply_template(hidden)
        if _STAND_IN_START not in text:
            return self._token_ids(text)
        return self._encode_around_control(text)

    def _encode_around_control(self, text: str) -> list[int]:
        """Return the token ids of ``text``, in which stand-ins hide all look-alikes."""
        tokens: list[int] = []
        for piece in self._find_control.split(text):
            if piece in self._control_ids:
                tokens.append(self._control_ids[piece])
            elif piece:
                tokens += self._token_ids(self._show_lookalikes(piece), split_special_tokens=True)
        return tokens

    def _hide_lookalikes(self, text: str) -> str:
        """Replace each look-alike of a control token by its stand-in."""
        return self._find_lookalike.sub(
            lambda found: f"{_STAND_IN_START}{self._lookalikes.index(found[0])}{_STAND_IN_END}",
            text,
        )

    def _show_lookalikes(self, text: str) -> str:
        """Replace each stand-in by the text that it hides."""
        return _STAND_IN.sub(lambda found: self._lookalikes[int(found[1])], text)

    def _token_ids(self, text: str, **options: bool) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False, **options)["input_ids"])

    def _apply_template(self, messages: list[Message]) -> str:
        try:
            text = self._tokenizer.apply_chat_template(
                messages, chat_template=self.chat_template, tokenize=False
            )
        except TooSlow:
            raise
        except Exception as error:  # a template can raise whatever Python does: 1 / 0, 1 + "a"
            raise InputError(
                f"the backbone's chat template refuses this conversation: {error}"
            ) from None
        return str(text)

    def _try_template(self) -> bool:
        """Return whether the template takes system messages; InputError where it never ends."""
        if not isinstance(self.chat_template, str):
            raise InputError("the backbone's chat template is not one text but several")
        check_template(self.chat_template)
        user = {"role": "user", "content": "x"}
        try:
            with time_limit():
                self._accepts(_answered([user], "x"))
                return self._accepts([{"role": "system", "content": "x"}, user])
        except TooSlow:
            raise InputError("the backbone's chat template does not come to an end") from None

    def _accepts(self, messages: list[Message]) -> bool:
        try:
            self._apply_template(messages)
        except InputError:
            return False
        return True

    def _fold_system(self, messages: list[Message]) -> list[Message]:
        """Put a system message before the first user turn, for templates without one (Gemma's)."""
        if self._takes_system or len(messages) < 2 or messages[0]["role"] != "system":
            return messages
        system, first, *rest = messages
        return [{**first, "content": f"{system['content']}\n\n{first['content']}"}, *rest]


def _answered(messages: list[Message], response: str) -> list[Message]:
    return [*messages, {"role": "assistant", "content": response}]


def _any_of(texts: list[str]) -> re.Pattern[str]:
    """Return a pattern that finds any of ``texts``, as its one group; of none, it finds nothing."""
    if not texts:
        return re.compile("(?!)")
    return re.compile("(" + "|".join(re.escape(text) for text in texts) + ")")


def load_renderer(
    backbone: Path, max_seq_length: int, chat_template: str | None = None
) -> Renderer:
    """Return the renderer of a backbone folder.

    ``chat_template`` takes the place of the backbone's own; a checkpoint records its own.
    """
    # Checked here, because transformers would look for the backbone on the hub.
    if not (backbone / "tokenizer_config.json").exists():
        raise InputError(f"{backbone}: no backbone there; run `dvc repro base`, which makes it")
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            backbone, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # whatever a damaged or foreign tokenizer makes transformers raise
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise InputError(f"{backbone}: transformers cannot open its tokenizer ({reason})") from None
    return Renderer(tokenizer, max_seq_length, chat_template)
