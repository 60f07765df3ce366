"""Prompts as they are compared: without case, punctuation, spacing and system messages."""

import re
import unicodedata

import regex

from mlx_reward.data.pair import Prompt

_ASCII_WORD = re.compile(r"\w+")
_WORD = regex.compile(r"\w+")  # with the vowel signs and accents that re's \w leaves out


def normalise(text: str) -> str:
    """Return the words in lower case, one space between; text without a word stays as it is."""
    return " ".join(words(text)) or text.strip()


def words(text: str) -> list[str]:
    """Return the words of ``text`` in lower case; where a script has no spaces, its clauses."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    found: list[str] = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return found


def normal_turns(prompt: Prompt) -> list[str]:
    """Return the normalised turns of a prompt.

    System messages are left out: the same question under another one still leaks.
    """
    if isinstance(prompt, str):
        return ["user " + normalise(prompt)]
    return [f"{m['role']} {normalise(m['content'])}" for m in prompt if m["role"] != "system"]
