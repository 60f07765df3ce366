"""Conversations in every spelling that preference data uses, as [{"role", "content"}]."""

import re

from mlx_reward.data.formats.row import BadRow, text
from mlx_reward.data.pair import Message, Prompt, as_messages

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


def read_prompt(field: str, value: object) -> Prompt:
    """Return a user's text, or a conversation that ends with the user."""
    if not isinstance(value, list):
        return text(field, value)
    messages = read_messages(field, value)
    if messages[-1]["role"] != "user":
        raise BadRow(f"field '{field}' does not end with the user")
    return messages


def read_messages(field: str, value: object) -> list[Message]:
    """Return at least one message, from OpenAI's role/content or ShareGPT's from/value messages."""
    if not isinstance(value, list):
        raise BadRow(f"field '{field}' is {type(value).__name__}, not a list of messages")
    if not value:
        raise BadRow(f"field '{field}' is an empty conversation")
    return [read_message(f"{field}[{i}]", message) for i, message in enumerate(value)]


def read_message(field: str, message: object) -> Message:
    """Return one message."""
    role = message.get("role", message.get("from")) if isinstance(message, dict) else message
    if not isinstance(message, dict) or not isinstance(role, str) or role not in ROLES:
        raise BadRow(
            f"field '{field}.role' is {str(role)[:40]!r}, not one of system, user, assistant"
        )
    return {"role": ROLES[role], "content": text(f"{field}.content", _content(message))}


def end_with_response(field: str, value: object) -> tuple[list[Message], str]:
    """Return (what came before, the response) of a conversation that ends with the assistant."""
    *before, last = read_messages(field, value)
    if last["role"] != "assistant":
        raise BadRow(f"field '{field}' does not end with the assistant")
    return before, last["content"]


def read_response(field: str, value: object, prompt: Prompt) -> str:
    """Return a response that is a text, or the last message behind ``prompt``."""
    if not isinstance(value, list):
        return text(field, value)
    before, response = end_with_response(field, value)
    if before and before != as_messages(prompt):
        raise BadRow(f"field '{field}' does not continue the prompt")
    return response


def read_dialogue(field: str, value: object) -> tuple[list[Message], str]:
    r"""Return (what came before, the response) of one of HH-RLHF's dialogues.

    Each is one string, "\n\nHuman: ...\n\nAssistant: ...".
    """
    parts = re.split(r"\n\n(Human|Assistant): ?", "\n\n" + text(field, value).lstrip())
    speakers = parts[1::2]
    contents = parts[2::2]
    turns = [
        {"role": ROLES[speaker.lower()], "content": content.strip()}
        for speaker, content in zip(speakers, contents, strict=True)
    ]
    return end_with_response(field, turns)


def _content(message: dict[str, object]) -> object:
    """Return the text of a message; OpenAI's list of parts is joined where all parts are text."""
    content = message.get("content", message.get("value"))
    if not isinstance(content, list) or not content:
        return content
    if not all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        return content
    return "".join(str(part.get("text", "")) for part in content)
