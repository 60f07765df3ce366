"""The table of formats, and the conversion of one row of any of them into pairs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from mlx_reward.data.formats import annotation_tools, compared, groups, pairs, verdicts
from mlx_reward.data.formats.pair_row import PairRow, RatedResponse
from mlx_reward.data.formats.prompts import PROMPTS, has_prompt
from mlx_reward.data.formats.row import BadRow, Row, Tie, first_of
from mlx_reward.utils.errors import InputError

Found = PairRow | RatedResponse | Tie


@dataclass(frozen=True)
class Format:
    """A format: ``fits`` tells by the columns of a row whether ``convert`` can read it.

    ``needs`` are the columns that make it, each with the names that it may have.
    """

    name: str
    fits: Callable[[Row], bool]
    convert: Callable[[Row], Iterator[Found]]
    needs: tuple[tuple[str, ...], ...]


def _text_of(row: Row, field: str) -> str:
    return row[field] if isinstance(row.get(field), str) else ""


def _strings(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], str)


PAIR = (PROMPTS, ("chosen",), ("rejected",))
# The first that fits is taken.
FORMATS = (
    Format(
        "label_studio",
        lambda r: "data" in r and "annotations" in r,
        annotation_tools.from_label_studio,
        (("data",), ("annotations",)),
    ),
    Format(
        "argilla",
        lambda r: ("fields" in r and "responses" in r) or any(k.endswith(".responses") for k in r),
        annotation_tools.from_argilla,
        (("fields",), ("responses",)),
    ),
    Format(
        "sharegpt",
        lambda r: "conversations" in r and "chosen" in r,
        pairs.from_sharegpt,
        (("conversations",), ("chosen",), ("rejected",)),
    ),
    Format("alpaca", lambda r: "instruction" in r and "chosen" in r, pairs.from_pair, PAIR),
    Format(
        "openai",
        lambda r: "preferred_output" in r and "input" in r,
        pairs.from_openai,
        (("input",), ("preferred_output",), ("non_preferred_output",)),
    ),
    Format(
        "many",
        lambda r: _strings(r.get("chosen")) or _strings(r.get("rejected")),
        pairs.from_many,
        PAIR,
    ),
    Format(
        "hh",
        lambda r: "prompt" not in r and _text_of(r, "chosen").lstrip().startswith("Human:"),
        pairs.from_hh,
        PAIR,
    ),
    Format("implicit", pairs.is_implicit, pairs.from_implicit, PAIR),
    Format(
        "pair",
        lambda r: has_prompt(r) and ("chosen" in r or "rejected" in r),
        pairs.from_pair,
        PAIR,
    ),
    Format(
        "group",
        lambda r: first_of(r, groups.LISTS) is not None,
        groups.from_group,
        (PROMPTS, groups.LISTS, ("scores", "ranks")),
    ),
    Format(
        "compared",
        verdicts.has_verdict,
        compared.from_compared,
        (PROMPTS, verdicts.FIRST, verdicts.SECOND, verdicts.VERDICTS),
    ),
    Format(
        "rated",
        lambda r: has_prompt(r) and "response" in r and first_of(r, groups.SCORES) is not None,
        groups.from_rated,
        (PROMPTS, ("response",), groups.SCORES),
    ),
)
NAMED = {name for format in FORMATS for names in format.needs for name in names}
NAMES = tuple(format.name for format in FORMATS)


def converter(name: str) -> Callable[[Row], Iterator[Found]]:
    """Return the converter of the format ``name``; "auto" recognises each row by its columns."""
    if name == "auto":
        return convert
    format = next((f for f in FORMATS if f.name == name), None)
    if format is None:
        raise InputError(f"data.format is {name!r}: not one of auto, {', '.join(NAMES)}")

    def convert_as(row: Row) -> Iterator[Found]:
        if not format.fits(row):
            other = next((f"of the format '{f.name}'" for f in FORMATS if f.fits(row)), "of none")
            raise BadRow(
                f"not a row of the format '{name}' but {other}; it has the columns {_columns(row)}"
            )
        return format.convert(row)

    return convert_as


def convert(row: Row) -> Iterator[Found]:
    """Convert a row of the first format that fits; BadRow names the field that cannot be used."""
    for format in FORMATS:
        if format.fits(row):
            return format.convert(row)
    raise BadRow(
        f"the columns {_columns(row)} are no format known here; {_nearest(tuple(map(str, row)))}"
    )


@lru_cache(maxsize=64)
def _nearest(columns: tuple[str, ...]) -> str:
    """Return which format has most of its ``columns``, what it lacks, and likely typos."""

    def nearness(format: Format) -> tuple[float, bool]:
        found = sum(_has(columns, names) for names in format.needs)
        return found / len(format.needs), format.name == "pair"

    format = max(FORMATS, key=nearness)
    lacking = [names for names in format.needs if not _has(columns, names)]
    meant = [
        f"{column[:30]}: {match[0]}"
        for names in lacking
        for column in columns
        if column not in NAMED and (match := get_close_matches(column, names, 1, 0.75))
    ]
    said = f"the nearest is '{format.name}', which needs {_listed(lacking)} too"
    if not meant:
        return said + "; name yours in data.columns"
    return said + f"; perhaps data.columns: {{{', '.join(meant[:3])}}}"


def _has(columns: tuple[str, ...], names: tuple[str, ...]) -> bool:
    return any(name in columns for name in names)


def _listed(lacking: list[tuple[str, ...]]) -> str:
    return " and ".join(f"'{names[0]}'" for names in lacking)


def _columns(row: Row) -> str:
    """Return the names of a row's first columns, for a message."""
    if not row:
        return "(none)"
    names = [str(name)[:30] for name in row][:12]
    return ", ".join(names) + ("..." if len(row) > 12 else "")
