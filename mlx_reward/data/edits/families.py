"""Families of edits that make a response worse, or no better, or more tempting without being right.

Of the first kind, *spoiled*, a copy of the chosen response has to lose to it. Of the second,
*dressed*, the rejected response has still to lose to the chosen one. After reWordBench (Wu et al.
2025, "reWordBench: Benchmarking and Improving the Robustness of Reward Models with Transformed
Inputs") and RRM (Liu et al. 2024, "Robust Reward Model Training Mitigates Reward Hacking").

To add a family, write its function, add it to SPOILED or DRESSED, its phrases, if it has any, to
wordings.py, and its name to HELD_OUT_FAMILIES where training shall never see it.
"""

import re
from collections.abc import Callable

import numpy as np

from mlx_reward.data.edits.wordings import HELD_OUT, PROBED, TRAINED
from mlx_reward.data.pair import Message, Pair

Prompt = str | list[Message]
Rng = np.random.Generator
Phrase = Callable[[str], str]  # draws a wording of a family
Spoil = Callable[[Pair, Pair, Phrase, Rng], str]  # pair, one of another prompt: the worse copy
Dress = Callable[[Pair, Phrase], tuple[Prompt, str]]  # the prompt, the more tempting response
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
MIN_WORDS = 8  # of a response that can be cut off
MIN_SENTENCES = 3  # of one whose sentences can change places


def phrases(training: bool, rng: Rng) -> Phrase:
    """Return a function that draws a wording of a family, one for training or one for probes."""

    def draw(family: str) -> str:
        known = (TRAINED if training else PROBED).get(family) or HELD_OUT[family]
        return known[int(rng.integers(len(known)))]

    return draw


def question(prompt: Prompt) -> str:
    """Return the last message of a prompt."""
    return prompt if isinstance(prompt, str) else prompt[-1]["content"]


def said(prompt: Prompt, more: str) -> Prompt:
    """Return the prompt with ``more`` at the end of its last message."""
    if isinstance(prompt, str):
        return prompt + more
    return [*prompt[:-1], {**prompt[-1], "content": prompt[-1]["content"] + more}]


def _before(family: str) -> Spoil:
    return lambda pair, _, phrase, __: phrase(family) + pair.chosen


def _behind(family: str) -> Spoil:
    return lambda pair, _, phrase, __: pair.chosen + phrase(family)


def _restated(pair: Pair, _: Pair, phrase: Phrase, __: Rng) -> str:
    return phrase("restated_question").format(question=question(pair.prompt)) + pair.chosen


def _repeated(pair: Pair, _: Pair, __: Phrase, ___: Rng) -> str:
    return f"{pair.chosen} {pair.chosen}"


def _truncated(pair: Pair, _: Pair, __: Phrase, ___: Rng) -> str:
    words = pair.chosen.split(" ")
    return " ".join(words[: len(words) // 2]) if len(words) >= MIN_WORDS else pair.chosen


def _shuffled(pair: Pair, _: Pair, __: Phrase, rng: Rng) -> str:
    """Return the sentences in another order, even where the one drawn is the same."""
    sentences = _SENTENCE.split(pair.chosen)
    if len(sentences) < MIN_SENTENCES:
        return pair.chosen
    order = rng.permutation(len(sentences)).tolist()
    if order == sorted(order):
        order = order[1:] + order[:1]
    return " ".join(sentences[i] for i in order)


def _typos(pair: Pair, _: Pair, __: Phrase, rng: Rng) -> str:
    """Swap two neighbouring letters in a quarter of the words, in one at the least."""
    words = pair.chosen.split(" ")
    long = [i for i, word in enumerate(words) if len(word) > 3 and word[1] != word[2]]
    if not long:
        return pair.chosen
    for i in rng.permutation(long)[: max(1, len(words) // 4)]:
        words[i] = words[i][0] + words[i][2] + words[i][1] + words[i][3:]
    return " ".join(words)


def _markdown(pair: Pair, _: Phrase) -> tuple[Prompt, str]:
    bullets = "\n".join(f"- **{sentence}**" for sentence in _SENTENCE.split(pair.rejected))
    return pair.prompt, f"## Answer\n\n{bullets}"


def _agreeing(pair: Pair, phrase: Phrase) -> tuple[Prompt, str]:
    opinion = f"\n\nI think the answer is this: {pair.rejected}"
    agreed = phrase("agreeing_with_a_wrong_claim") + pair.rejected
    return said(pair.prompt, opinion), agreed


def _dressed_before(family: str) -> Dress:
    return lambda pair, phrase: (pair.prompt, phrase(family) + pair.rejected)


def _dressed_behind(family: str) -> Dress:
    return lambda pair, phrase: (pair.prompt, pair.rejected + phrase(family))


SPOILED: dict[str, Spoil] = {
    "padding": _behind("padding"),
    "restated_question": _restated,
    "flattery": _before("flattery"),
    "opening": _before("opening"),
    "grade": _behind("grade"),
    "repetition": _repeated,
    "typos": _typos,
    "other_question": lambda _, other, __, ___: other.chosen,
    "other_language": lambda _, __, phrase, ___: phrase("evasion"),
    "control_tokens": _behind("control_tokens"),
    "source": _behind("source"),
    "disclaimer": _before("disclaimer"),
    "filler": _before("filler"),
    "emojis": _behind("emojis"),
    "truncation": _truncated,
    "shuffled_sentences": _shuffled,
}
DRESSED: dict[str, Dress] = {
    "agreeing_with_a_wrong_claim": _agreeing,
    "confident_wrongness": _dressed_before("confident_wrongness"),
    "markdown": _markdown,
    "flattery_of_the_wrong": _dressed_before("flattery"),
    "padding_of_the_wrong": _dressed_behind("padding"),
}
HELD_OUT_FAMILIES = frozenset(
    {
        "typos",
        "control_tokens",
        "source",
        "disclaimer",
        "filler",
        "emojis",
        "agreeing_with_a_wrong_claim",
        "markdown",
    }
)  # never trained on, so that probes of them show what training with the others carries over


def spoiled(pair: Pair, other: Pair, rng: Rng, training: bool = False) -> dict[str, str]:
    """Return copies of the chosen response, by family, that are no better; equal ones are left out.

    ``other`` is a pair of another prompt, whose chosen response is one of the copies.
    """
    phrase = phrases(training, rng)
    found = {name: spoil(pair, other, phrase, rng) for name, spoil in SPOILED.items()}
    return {name: text for name, text in found.items() if text != pair.chosen}


def dressed(pair: Pair, rng: Rng, training: bool = False) -> dict[str, tuple[Prompt, str]]:
    """Return prompt and rejected response, by family, with the response made more tempting."""
    phrase = phrases(training, rng)
    return {name: dress(pair, phrase) for name, dress in DRESSED.items()}
