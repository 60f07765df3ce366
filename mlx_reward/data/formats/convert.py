"""The table of formats, and the conversion of one row of any of them into pairs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mlx_reward.data.formats import groups, pairs, verdicts
from mlx_reward.data.formats.pair_row import PairRow, RatedResponse
from mlx_reward.data.formats.row import BadRow, Row, Tie, first_of
from mlx_reward.utils.errors import InputError

Found = PairRow | RatedResponse | Tie


@dataclass(frozen=True)
class Format:
    """A format: ``fits`` tells by the columns of a row whether ``convert`` can read it."""

    name: str
    fits: Callable[[Row], bool]
    convert: Callable[[Row], Iterator[Found]]


def _text_of(row: Row, field: str) -> str:
    return row[field] if isinstance(row.get(field), str) else ""


def _strings(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], str)


# The first that fits is taken.
FORMATS = (
    Format(
        "label_studio", lambda r: "data" in r and "annotations" in r, verdicts.from_label_studio
    ),
    Format(
        "argilla",
        lambda r: ("fields" in r and "responses" in r) or any(k.endswith(".responses") for k in r),
        verdicts.from_argilla,
    ),
    Format("sharegpt", lambda r: "conversations" in r and "chosen" in r, pairs.from_sharegpt),
    Format("alpaca", lambda r: "instruction" in r and "chosen" in r, pairs.from_alpaca),
    Format("openai", lambda r: "preferred_output" in r and "input" in r, pairs.from_openai),
    Format(
        "many", lambda r: _strings(r.get("chosen")) or _strings(r.get("rejected")), pairs.from_many
    ),
    Format(
        "hh",
        lambda r: "prompt" not in r and _text_of(r, "chosen").lstrip().startswith("Human:"),
        pairs.from_hh,
    ),
    Format("pair", lambda r: "prompt" in r and ("chosen" in r or "rejected" in r), pairs.from_pair),
    Format("implicit", lambda r: "chosen" in r and "rejected" in r, pairs.from_implicit),
    Format("group", lambda r: first_of(r, groups.LISTS) is not None, groups.from_group),
    Format("compared", verdicts.has_verdict, verdicts.from_compared),
    Format(
        "rated",
        lambda r: "prompt" in r and "response" in r and first_of(r, groups.SCORES) is not None,
        groups.from_rated,
    ),
)
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
            raise BadRow(f"not a row of the format '{name}'; it has the columns {_columns(row)}")
        return format.convert(row)

    return convert_as


def convert(row: Row) -> Iterator[Found]:
    """Convert a row of the first format that fits; BadRow names the field that cannot be used."""
    for format in FORMATS:
        if format.fits(row):
            return format.convert(row)
    missing = next((f for f in ("prompt", "chosen", "rejected") if f not in row), "chosen")
    raise BadRow(
        f"field '{missing}' is missing; the columns {_columns(row)} are no format known here"
    )


def _columns(row: Row) -> str:
    """Return the names of a row's first columns, for a message."""
    if not row:
        return "(none)"
    names = [str(name)[:30] for name in row][:8]
    return ", ".join(names) + ("..." if len(row) > 8 else "")
