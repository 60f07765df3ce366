"""The prompts of benchmark files, which no pair may share."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from mlx_reward.data.formats.conversation import read_messages
from mlx_reward.data.formats.convert import convert
from mlx_reward.data.formats.pair_row import RatedResponse
from mlx_reward.data.formats.row import BadRow, Row, text
from mlx_reward.data.pair import Prompt
from mlx_reward.data.sources.benchmarks import all_rows
from mlx_reward.utils.errors import InputError

# A row that is no preference has its prompt in any of these; too many left out leak nothing.
COLUMNS = (
    *("prompt", "instruction", "question", "query", "input", "context", "user", "problem"),
    *("messages", "conversation", "conversations", "conversation_a", "turns", "text", "content"),
)
NESTED = ("data", "fields")  # of annotation tools


def read_prompts(source: str, unread: Counter[str]) -> Iterator[Prompt]:
    """Yield the prompts of ``source``, which is named as ``data.source`` is.

    Of a hub dataset those of all splits, or of the one named, as in owner/name:split. Rows without
    a prompt are counted in ``unread`` under ``source``; InputError where none holds one.
    """
    rows = 0
    columns = ""
    try:
        for rows, (_, row) in enumerate(all_rows(source), 1):  # noqa: B007  # counts them
            found = [] if isinstance(row, BadRow) else _prompts(row)
            unread[source] += not found
            columns = columns or ("" if isinstance(row, BadRow) else ", ".join(map(str, row)))
            yield from found
        if unread[source] == rows:
            raise InputError(
                f"{source}: none of its {rows} rows holds a prompt "
                f"(columns: {columns[:200] or 'none'}); name the column 'prompt'"
            )
    except InputError as error:
        raise InputError(f"split.exclude: {error}") from None


def _prompts(row: Row) -> list[Prompt]:
    """Return the prompts of a preference, or else the texts that may be the prompt."""
    found = _of_preference(row)
    if found:
        return found[:1]  # all pairs of a row have one prompt
    objects = [row, *(row[name] for name in NESTED if isinstance(row.get(name), dict))]
    return [
        prompt
        for fields in objects
        for name in COLUMNS
        if fields.get(name)
        for prompt in _read(name, fields)
    ]


def _of_preference(row: Row) -> list[Prompt]:
    try:
        items = list(convert(row))
    except BadRow:
        return []
    prompts: list[Prompt] = [item.prompt for item in items if isinstance(item, RatedResponse)]
    return prompts + [item["prompt"] for item in items if isinstance(item, dict)]


def _read(name: str, fields: Row) -> list[Prompt]:
    """Return the prompt in column ``name``; alpaca's input belongs to its instruction."""
    try:
        if name == "instruction" and fields.get("input"):
            question = text(name, fields[name])
            return [question, question + "\n" + text("input", fields["input"])]
        return [_prompt(name, fields[name])]
    except BadRow:
        return []


def _prompt(name: str, value: Any) -> Prompt:
    """Return a text, or the conversation up to the last message of the user.

    MT-bench and Arena-Hard have "turns" of the user alone: the first counts.
    """
    if not isinstance(value, list) or not value:
        return text(name, value)
    if isinstance(value[0], str):
        return text(name, value[0])
    if name == "turns" and isinstance(value[0], dict) and "role" not in value[0]:
        return text(name, value[0].get("content"))
    messages = read_messages(name, value)
    while messages and messages[-1]["role"] != "user":
        messages.pop()
    if not messages:
        raise BadRow(f"field '{name}' has no message of the user")
    return messages
