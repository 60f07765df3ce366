"""Conversations in every spelling that preference data uses, as [{"role", "content"}]."""

import re

from mlx_reward.data.formats.row import BadRow, text
from mlx_reward.data.pair import Message

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
}


def read_prompt(field: str, value: object) -> str | list[Message]:
    """A user's text, or a conversation that ends with the user."""
    if not isinstance(value, list):
        return text(field, value)
    messages = read_messages(field, value)
    if messages[-1]["role"] != "user":
        raise BadRow(f"field '{field}' does not end with the user")
    return messages


def read_messages(field: str, value: object) -> list[Message]:
    """OpenAI's role/content or ShareGPT's from/value messages, at least one."""
    if not isinstance(value, list):
        raise BadRow(f"field '{field}' is {type(value).__name__}, not a list of messages")
    if not value:
        raise BadRow(f"field '{field}' is an empty conversation")
    return [_message(f"{field}[{i}]", message) for i, message in enumerate(value)]


def read_message(field: str, value: object) -> Message:
    """One message."""
    return _message(field, value)


def end_with_response(field: str, value: object) -> tuple[list[Message], str]:
    """A conversation that ends with the assistant as (what came before, the response)."""
    *before, last = read_messages(field, value)
    if last["role"] != "assistant":
        raise BadRow(f"field '{field}' does not end with the assistant")
    return before, last["content"]


def read_dialogue(field: str, value: object) -> tuple[list[Message], str]:
    r"""HH-RLHF's one string a dialogue, "\n\nHuman: ...\n\nAssistant: ...", as (what came before, the response)."""
    parts = re.split(r"\n\n(Human|Assistant): ?", "\n\n" + text(field, value).lstrip())
    turns = [
        {"role": ROLES[r.lower()], "content": c.strip()}
        for r, c in zip(parts[1::2], parts[2::2], strict=True)
    ]
    return end_with_response(field, turns)


def _message(field: str, message: object) -> Message:
    role = message.get("role", message.get("from")) if isinstance(message, dict) else message
    if not isinstance(message, dict) or not isinstance(role, str) or role not in ROLES:
        raise BadRow(
            f"field '{field}.role' is {str(role)[:40]!r}, not one of system, user, assistant"
        )
    return {"role": ROLES[role], "content": text(f"{field}.content", _content(message))}


def _content(message: dict[str, object]) -> object:
    """The text of a message; OpenAI's list of parts is joined where all parts are text."""
    content = message.get("content", message.get("value"))
    if (
        isinstance(content, list)
        and content
        and all(isinstance(p, dict) and p.get("type") == "text" for p in content)
    ):
        return "".join(str(part.get("text", "")) for part in content)
    return content
