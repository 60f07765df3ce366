"""Prompts as they are compared: case, punctuation, spacing and system messages make no difference."""

import re
import unicodedata

from mlx_reward.data.pair import Message

_WORD = re.compile(r"\w+")


def normalise(text: str) -> str:
    """Words in lower case, one space between; text without a word stays as it is."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(_WORD.findall(text.casefold())) or text.strip()


def normal_turns(prompt: str | list[Message]) -> list[str]:
    """The normalised turns of a prompt. The system message is left out: the same question under another one still leaks."""
    if isinstance(prompt, str):
        return ["user " + normalise(prompt)]
    return [f"{m['role']} {normalise(m['content'])}" for m in prompt if m["role"] != "system"]
