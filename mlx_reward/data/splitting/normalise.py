"""Prompts as they are compared: without case, punctuation, spacing and system messages."""

import re
import unicodedata

from mlx_reward.data.pair import Prompt

_WORD = re.compile(r"\w+")


def normalise(text: str) -> str:
    """Return the words in lower case, one space between; text without a word stays as it is."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(_WORD.findall(text.casefold())) or text.strip()


def normal_turns(prompt: Prompt) -> list[str]:
    """Return the normalised turns of a prompt.

    System messages are left out: the same question under another one still leaks.
    """
    if isinstance(prompt, str):
        return ["user " + normalise(prompt)]
    return [f"{m['role']} {normalise(m['content'])}" for m in prompt if m["role"] != "system"]
