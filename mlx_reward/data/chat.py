"""A conversation as token ids, by the backbone's chat template.

No text from data becomes a control token, and no response is cut.
"""

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from mlx_reward.data.pair import Message, Prompt, as_messages
from mlx_reward.data.rendered import foreign_templates, parse, rendered_by
from mlx_reward.utils.errors import InputError, first_line
from mlx_reward.utils.template_guard import TooSlow, check_template, time_limit
from mlx_reward.utils.transformers_import import import_transformers

import_transformers()
from transformers import AutoTokenizer  # noqa: E402  # after its advice was silenced

# For backbones that were never taught to chat; readable text that any tokenizer knows.
PLAIN_TEMPLATE = (
    "{{ bos_token or '' }}"
    "{% for m in messages %}{{ m['role'] | capitalize }}: {{ m['content'] }}\n\n{% endfor %}"
    "{{ eos_token or '' }}"
)

# Some templates (Llama 3's) print today's date, with which every reward would change overnight.
# They get this one instead, whenever a model is trained; Llama 3's own falls back on it.
TEMPLATE_DATE = date(2024, 7, 26)
_ASKS_FOR_DATE = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")

# A stand-in for text that looks like a control token: a number between two private-use characters.
_STAND_IN_START = "\ue000"
_STAND_IN_END = "\ue001"
_STAND_IN = re.compile(f"{_STAND_IN_START}(\\d+){_STAND_IN_END}")

# Unicode's normal forms compose one character of at most four (U+1F82 of alpha and three marks).
_COMPOSED = 4


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

    The tokenizer is given no more text than ``max_seq_length`` tokens can hold, whatever the length
    of the input: it takes seconds and hundreds of bytes of memory for a megabyte of one word.
    """

    def __init__(
        self,
        tokenizer: Any,
        max_seq_length: int,
        chat_template: str | None = None,
        template_date: str | None = None,
    ) -> None:
        """Take the tokenizer's own template where ``chat_template`` is None.

        ``template_date``, as YYYY-MM-DD, is what a template that asks for today's date gets.
        """
        self.chat_template = chat_template or tokenizer.chat_template or PLAIN_TEMPLATE
        self.max_seq_length = max_seq_length
        self._date = date.fromisoformat(template_date) if template_date else TEMPLATE_DATE
        self._dated_template = with_date(self.chat_template, self._date)
        self._tokenizer = tokenizer
        added = tokenizer.added_tokens_decoder.values()
        # Longest first, so that a token is found before another that is its beginning.
        control = sorted((t.content for t in added if t.special), key=len, reverse=True)
        self._control_ids = {text: tokenizer.convert_tokens_to_ids(text) for text in control}
        self._lookalikes = [*control, _STAND_IN_START]  # a stand-in's number is an index into it
        self._find_control = _any_of(control)
        self._find_lookalike = _any_of(self._lookalikes)
        self._token_characters = _longest_token(tokenizer)
        self._most_characters = max_seq_length * self._token_characters
        self._takes_system = self._try_template()
        self._foreign_templates = foreign_templates(control, self.chat_template)

    def render(self, prompt: Prompt, response: str) -> Rendered:
        """Return the tokens of the whole conversation, at most ``max_seq_length``.

        What is too long loses the oldest turns of the prompt first, then the beginning of its last
        message; the response stays whole. Raises TooLong where the response alone does not fit.
        """
        if len(response) > self._most_characters:
            raise self._too_long(f"{len(response)} characters")
        whole = as_messages(prompt)
        messages = self._within_reach(whole)
        tokens = self._encode(_answered(messages, response))
        if len(tokens) <= self.max_seq_length:
            return Rendered(tokens, cut=messages is not whole)
        for shorter in self._shorter_prompts(messages, response):
            tokens = self._encode(_answered(shorter, response))
            if len(tokens) <= self.max_seq_length:
                return Rendered(tokens, cut=True)
        raise self._too_long(f"{len(tokens)} tokens")

    def within_reach(self, prompt: Prompt) -> Prompt:
        """Return the end of ``prompt`` that can fit; ``render`` gives the same tokens for both.

        A prompt of megabytes that has many responses is cut once, not once for each of them.
        """
        whole = as_messages(prompt)
        messages = self._within_reach(whole)
        return prompt if messages is whole else messages

    @property
    def template_date(self) -> str | None:
        """The date that the template is given as today's, YYYY-MM-DD; None where it asks for none.

        The checkpoint records it, so that rewards stay as they were trained.
        """
        return self._date.isoformat() if "strftime_now" in self.chat_template else None

    @property
    def dated_template(self) -> str:
        """The template with its date written out, for programs that would fill in today's."""
        return self._dated_template

    def is_rendered(self, text: str) -> bool:
        """Return whether ``text`` is a conversation in a chat template.

        One in the backbone's own spells a control token, one in another's begins with its header.
        """
        own = any(control in text for control in self._control_ids)
        return own or rendered_by(text, self._foreign_templates) is not None

    @property
    def is_plain(self) -> bool:
        """Whether the template writes no control tokens, so that any text may be rendered."""
        return not self.is_rendered(self._apply_template(_answered(as_messages("x"), "x")))

    def encode_rendered(self, text: str) -> list[int]:
        """Return the tokens of a conversation that is rendered already.

        Whatever is missing of the template's ending is added. What is too long loses its beginning.
        One in another model's template is taken apart and rendered in the backbone's.
        Raises InputError where there is nothing, or what cannot be taken apart.
        """
        foreign = rendered_by(text, self._foreign_templates)
        if foreign is not None:
            return self.render(*parse(text, foreign)).tokens
        text = text[-self._most_characters :]
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

    def _too_long(self, length: str) -> TooLong:
        return TooLong(
            f"the response alone is {length}, over max_seq_length {self.max_seq_length}; "
            "raise train.max_seq_length or shorten the response"
        )

    def _within_reach(self, messages: list[Message]) -> list[Message]:
        """Return the end of a prompt that can fit, from a user's turn on: ``messages`` themselves
        where all may.

        Each message counts as its text and one token, for a template separates them.
        """
        sizes = [len(message["content"]) + self._token_characters for message in messages]
        if sum(sizes) <= self._most_characters:
            return messages
        if sizes[-1] > self._most_characters:
            last = messages[-1]
            end = self._last_tokens(last["content"][-self._most_characters :], self.max_seq_length)
            return [{**last, "content": end}]
        reach, start = 0, len(messages)
        while reach + sizes[start - 1] <= self._most_characters:
            start -= 1
            reach += sizes[start]
        users = (n for n in range(start, len(messages)) if messages[n]["role"] == "user")
        return messages[next(users, len(messages) - 1) :]

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
        start, _ = encoded["offset_mapping"][-count:][0]
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
                messages, chat_template=self._dated_template, tokenize=False
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


def with_date(template: str, today: date) -> str:
    """Return ``template`` with ``today`` written wherever it asks for today's date.

    InputError where it asks with a format that it puts together itself.
    """
    dated = _ASKS_FOR_DATE.sub(lambda found: repr(today.strftime(found[2])), template)
    if re.search(r"strftime_now\s*\(", dated):
        raise InputError(
            "the chat template asks for today's date in a format that it does not spell out, "
            "so that rewards would change overnight; write the date into the template"
        )
    return dated


def _answered(messages: list[Message], response: str) -> list[Message]:
    return [*messages, {"role": "assistant", "content": response}]


def _longest_token(tokenizer: Any) -> int:
    """Return how many characters one token can stand for.

    A vocabulary spells bytes as a character each or as <0x0A>, so its spelling is never shorter.
    """
    longest = max(map(len, tokenizer.get_vocab()))
    return longest if tokenizer.backend_tokenizer.normalizer is None else longest * _COMPOSED


def _any_of(texts: list[str]) -> re.Pattern[str]:
    """Return a pattern that finds any of ``texts``, as its one group; of none, it finds nothing."""
    if not texts:
        return re.compile("(?!)")
    return re.compile("(" + "|".join(re.escape(text) for text in texts) + ")")


def load_renderer(
    backbone: Path,
    max_seq_length: int,
    chat_template: str | None = None,
    template_date: str | None = None,
) -> Renderer:
    """Return the renderer of a backbone folder.

    ``chat_template`` takes the place of the backbone's own, ``template_date`` that of
    TEMPLATE_DATE; a checkpoint records both.
    """
    # Checked here, because transformers would look for the backbone on the hub.
    if not (backbone / "tokenizer_config.json").exists():
        raise InputError(f"{backbone}: no backbone there; run `dvc repro base`, which makes it")
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            backbone, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # whatever a damaged or foreign tokenizer makes transformers raise
        raise InputError(
            f"{backbone}: transformers cannot open its tokenizer ({first_line(error)})"
        ) from None
    return Renderer(tokenizer, max_seq_length, chat_template, template_date)
