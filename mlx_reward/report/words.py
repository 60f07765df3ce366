"""How the page writes numbers: one way for a share, one for a difference, one for the rest."""

from typing import Any

NOT_MEASURED = "not measured"
SPACE = "\N{NO-BREAK SPACE}"  # between a number and its unit
MINUS = "\N{MINUS SIGN}"
INTERVAL = f"95{SPACE}%"
FIELDS = {  # of metrics/data.json and metrics/split.json that do not explain themselves
    "rows": "rows read",
    "rows_bad": "rows set aside as unusable",
    "rows_contradictory": "rows set aside as contradicting themselves",
    "ties": "ties of the judges",
    "duplicates": "duplicates, kept once",
    "contradictions": "contradictions of the judges",
    "longer_wins": "share where the longer response was chosen",
    "chosen_characters_mean": "characters of a chosen response, on average",
    "rejected_characters_mean": "characters of a rejected response, on average",
    "prompts_linked": "prompts that are nearly equal to another",
    "groups": "groups that no split divides",
    "largest_group_pairs": "pairs of the largest group",
    "pairs_excluded": "pairs left out, for their prompts are in a benchmark",
    "tokens_p50": "tokens of a text, median",
    "tokens_p95": "tokens of a text, 95 % have at most",
    "tokens_p99": "tokens of a text, 99 % have at most",
    "over_max_seq_length": "share of texts over max_seq_length",
    "texts": "different texts",
    "vocabulary_overlap": "share of the test words that training has seen",
}
PROBES = {  # the edits that metrics/probes.json names
    "agreeing_with_a_wrong_claim": "agreeing with the user's wrong claim",
    "confident_wrongness": "a wrong answer that sounds certain",
    "flattery_of_the_wrong": "a wrong answer that flatters",
    "markdown": "a wrong answer in headings and bullets",
    "typos": "typing errors",
    "other_question": "a good answer to another question",
    "other_language": "an evasive answer in another language",
    "control_tokens": "a fake verdict in control tokens",
    "padding": "a polite closing phrase",
    "repetition": "saying everything twice",
    "flattery": "praising the question first",
    "restated_question": "repeating the question first",
    "truncation": "cutting the answer off",
    "shuffled_sentences": "sentences in another order",
    "opening": "an opening phrase that says nothing",
    "grade": "an answer that grades itself",
    "source": "naming an invented source",
    "disclaimer": "a disclaimer",
    "filler": "filler words",
    "emojis": "emojis",
    "padding_of_the_wrong": "a wrong answer with a polite closing phrase",
}
SHARES = ("longer_wins", "over_max_seq_length", "vocabulary_overlap")


def percent(share: float | None) -> str:
    """Return a share as a percentage."""
    return NOT_MEASURED if share is None else f"{share:.1%}".replace("%", f"{SPACE}%")


def points(difference: float | None) -> str:
    """Return a difference of two shares in percentage points, with its sign."""
    if difference is None:
        return NOT_MEASURED
    return f"{100 * difference:+.1f}{SPACE}points".replace("-", MINUS)


def number(value: float | None) -> str:
    """Return a count, or a number that is no share."""
    if value is None:
        return NOT_MEASURED
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def field_name(name: str) -> str:
    """Return a field of the data's metrics as people say it."""
    return FIELDS.get(name, spaced(name))


def probe_name(name: str) -> str:
    """Return an edit of the probes as people say it."""
    return PROBES.get(name, spaced(name))


def spaced(name: str) -> str:
    """Return a name without underscores."""
    return name.replace("_", " ")


def field_value(name: str, value: Any) -> str:
    """Return the value of a field of the data's metrics."""
    return percent(value) if name in SHARES else number(value)
