"""The prompt of a row, from whichever columns hold it."""

from typing import Any

from mlx_reward.data.formats.conversation import read_prompt
from mlx_reward.data.formats.row import BadRow, Row, is_given, text
from mlx_reward.data.pair import Message, Prompt, as_messages

# The first that a row has is its prompt; two of the others with different values are refused.
PROMPTS = ("prompt", "instruction", "question", "query", "input", "context", "history")


def has_prompt(row: Row) -> bool:
    """Return whether ``row`` has a column for the prompt, be it empty."""
    return any(name in row for name in PROMPTS)


def prompt_of(row: Row) -> Prompt:
    """Return the prompt of ``row`` with its system message and alpaca's input and history.

    BadRow where it is missing or empty, or where two columns could be meant.
    """
    name = _column(row)
    value = row.get(name)
    if name == "instruction":
        return with_system(row, _alpaca(row))
    if isinstance(value, dict) and "full_text" in value:  # WebGPT's question
        value = value["full_text"]
    return with_system(row, read_prompt(name, value))


def _column(row: Row) -> str:
    given = [name for name in PROMPTS if is_given(row.get(name))]
    if not given:
        return next((name for name in PROMPTS if name in row), "prompt")
    name, *others = given
    extra = {"prompt": PROMPTS, "instruction": ("input", "history")}.get(name, ())
    for other in others:
        if other not in extra and row[other] != row[name]:
            raise BadRow(
                f"'{name}' and '{other}' may both be the prompt; say which in data.columns, "
                "as {" + name + ": prompt}"
            )
    return name


def _alpaca(row: Row) -> Prompt:
    """Return {"instruction", "input", "history"} as a text, or as messages with earlier turns."""
    question = text("instruction", row["instruction"])
    if is_given(row.get("input")):
        question += "\n" + text("input", row["input"])
    earlier = _history(row)
    return [*earlier, *as_messages(question)] if earlier else question


def with_system(row: Row, prompt: Prompt) -> Prompt:
    """Return ``prompt`` behind the row's system message, unless it begins with one of its own."""
    if not is_given(row.get("system")):
        return prompt
    messages = as_messages(prompt)
    if messages[0]["role"] == "system":
        return prompt
    return [{"role": "system", "content": text("system", row["system"])}, *messages]


def _history(row: Row) -> list[Message]:
    """Return alpaca's earlier turns, [[question, answer], ...], as messages."""
    turns = row.get("history") or []
    if not isinstance(turns, list):
        raise BadRow("field 'history' is no list of questions and answers")
    return [m for i, turn in enumerate(turns) for m in _turn(f"history[{i}]", turn)]


def _turn(field: str, turn: Any) -> list[Message]:
    if not isinstance(turn, list) or len(turn) != 2:
        raise BadRow(f"field '{field}' is not a question and its answer")
    return [
        {"role": "user", "content": text(field, turn[0])},
        {"role": "assistant", "content": text(field, turn[1])},
    ]
