"""Conversations that another model's chat template has rendered, taken apart again.

A policy sends texts in its own template. The control tokens of another template are only text to
the reward model's backbone, and a reward of such a text means nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mlx_reward.data.pair import Message
from mlx_reward.utils.errors import InputError

BEGINNING = re.compile(r"\s*(?:<\|begin_of_text\|>|<bos>|<s>)?\s*")
ROLES = {  # by a template's name of the role, or by the marker before the message
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "model": "assistant",
    "[SYSTEM_PROMPT]": "system",
    "[INST]": "user",
    "[/INST]": "assistant",
}
NO_MESSAGE = "[/SYSTEM_PROMPT]"  # only ends one
LLAMA_DATES = re.compile(r"\ACutting Knowledge Date:.*\nToday Date:.*\n*")


@dataclass(frozen=True)
class Template:
    """How a family of chat templates writes a conversation.

    ``header`` finds what stands before a message, with its role as the group; ``ends`` may stand
    behind it; ``control`` is the token by which a model knows the family as its own.
    """

    name: str
    control: str
    header: re.Pattern[str]
    ends: tuple[str, ...]


TEMPLATES = (
    Template("ChatML", "<|im_start|>", re.compile(r"<\|im_start\|>(\w+)\n"), ("<|im_end|>",)),
    Template(
        "Llama 3",
        "<|start_header_id|>",
        re.compile(r"<\|start_header_id\|>(\w+)<\|end_header_id\|>\n\n"),
        ("<|eot_id|>", "<|end_of_text|>"),
    ),
    Template("Gemma", "<start_of_turn>", re.compile(r"<start_of_turn>(\w+)\n"), ("<end_of_turn>",)),
    Template("Mistral", "[INST]", re.compile(r"(\[/?(?:INST|SYSTEM_PROMPT)\])"), ("</s>",)),
)


def foreign_templates(control_tokens: Iterable[str], chat_template: str) -> list[Template]:
    """Return the templates that are not those of a backbone with these tokens and template."""
    known = set(control_tokens)
    return [t for t in TEMPLATES if t.control not in known and t.control not in chat_template]


def rendered_by(text: str, templates: Iterable[Template]) -> Template | None:
    """Return which of ``templates`` rendered ``text``, if any did.

    Only a text that begins as a conversation counts: tokens spelled further on are quoted.
    """
    start = BEGINNING.match(text)
    position = start.end() if start else 0
    return next((t for t in templates if t.header.match(text, position)), None)


def parse(text: str, template: Template) -> tuple[list[Message], str]:
    """Return (the prompt's messages, the response) of ``text``, which ``template`` rendered.

    InputError where it cannot be taken apart or does not end with a response.
    """
    pieces = template.header.split(BEGINNING.sub("", text, count=1))
    messages: list[Message] = []
    for role, body in zip(pieces[1::2], pieces[2::2], strict=True):
        content = _without_end(body, template)
        if role == NO_MESSAGE and not content:
            continue
        if role not in ROLES:
            raise InputError(f"{_described(template)} with a message of '{role}'; {_REMEDY}")
        if ROLES[role] == "system":  # Llama's names today's date, with which rewards would change
            content = LLAMA_DATES.sub("", content)
        if content:
            messages.append({"role": ROLES[role], "content": content})
    if len(messages) < 2 or [m["role"] for m in messages[-2:]] != ["user", "assistant"]:
        raise InputError(f"{_described(template)} does not end with a response; {_REMEDY}")
    return messages[:-1], messages[-1]["content"]


_REMEDY = "render it with the template of the reward model's backbone, or send messages"


def _described(template: Template) -> str:
    return f"a conversation in the chat template of {template.name}"


def _without_end(body: str, template: Template) -> str:
    """Return a message without what ends it; InputError where more text follows."""
    for end in template.ends:
        body, found, rest = body.partition(end)
        if found and rest.strip():
            raise InputError(f"{_described(template)} with text behind {end}; {_REMEDY}")
    return body.strip()
