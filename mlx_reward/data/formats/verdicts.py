"""Verdicts on two responses that stand side by side in a row.

A verdict is read as a lean: below zero the first response is better, above zero the second, at
zero neither.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mlx_reward.data.formats.row import (
    BadRow,
    Doubtful,
    Row,
    first_of,
    is_given,
    is_number,
    number,
)

STEMS = ("response", "answer", "completion", "output", "text", "conversation", "human_ref")
SIDES = [
    (f"{stem}{joint}{first}", f"{stem}{joint}{second}")
    for stem in STEMS
    for joint in ("_", "", "-")
    for first, second in (("a", "b"), ("A", "B"), ("1", "2"), ("0", "1"))
]
# A number in one of these is a verdict where below zero means that the first response is better
# (HelpSteer); without a value below zero in the whole source it may be a mere strength.
SIGNED = ("overall_preference", "preference_strength")
NAMED = ("winner", "preference", "preferred", "choice", "label", "selected")
ARENA = ("winner_model_a", "winner_model_b", "winner_tie")
ANNOTATOR = re.compile(r"annotator\d+")  # PandaLM
FIRST = tuple(first for first, _ in SIDES)
SECOND = tuple(second for _, second in SIDES)
PLACES = (("1", "a", "left", "first"), ("2", "b", "right", "second"))
TIES = ("tie", "equal", "same", "both", "neither", "draw")  # with which such a verdict begins
ORDER = re.compile(r"[\[(]*([ab12])(>{1,2}|<{1,2}|=+)([ab12])[\])]*")  # A>>B, [[B>A]], A=B


@dataclass(frozen=True)
class Verdict:
    """Which of two responses the field ``field`` prefers, and by how much."""

    field: str
    lean: float


def sides(row: Row) -> tuple[str, str] | None:
    """Return the names of the two fields that hold the responses."""
    return next(((a, b) for a, b in SIDES if a in row and b in row), None)


def has_verdict(row: Row) -> bool:
    """Return whether the row holds two responses and says which is better."""
    names = sides(row)
    if names is None:
        return False
    fields = (*VERDICTS, *score_names(names), *rank_names(names))
    return any(field in row for field in fields) or any(map(ANNOTATOR.fullmatch, row))


def verdicts(names: tuple[str, str], row: Row) -> list[Verdict]:
    """Return what the row's fields say, those that name a response before numbers.

    Doubtful where nothing but a number speaks whose meaning other rows must tell.
    """
    found = [*_definite(row), *_arena(row), *_worded(names, row), *_by_score(names, row)]
    if "individual_preference" in row:  # HelpSteer3, whose numbers are known to be signed
        found += _signed(first_of(row, SIGNED), row)
    if found or any(map(ANNOTATOR.fullmatch, row)):
        return found
    numbers = {
        field: value
        for field in (*NAMED, *SIGNED)
        if (value := as_number(row.get(field))) is not None
    }
    if numbers:
        raise Doubtful(names, numbers)
    return []


def as_number(value: object) -> float | None:
    """Return a number that stands as one, as true or false, or as text, as in CSV; else None."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}(\.\d{1,9})?", value.strip()):
        return float(value)
    return number("", value) if is_number(value) else None


# Columns whose numbers are read in one way, whatever other rows hold. data.columns may map to them.


def _one_two(field: str, value: object) -> float:
    """Return the lean of 1 for the first, 2 for the second, between them the share for the second.

    AlpacaEval writes 1.5, and PandaLM and AlpacaFarm 0, for a tie.
    """
    found = as_number(value)
    if found is None or not (found == 0 or 1 <= found <= 2):
        raise BadRow(
            f"field '{field}' must be 1 or 2, or 0 or 1.5 for a tie, not {str(value)[:40]!r}"
        )
    return found - 1.5 if found else 0.0


def _zero_one(field: str, value: object) -> float:
    found = as_number(value)
    if found not in (0, 1):
        raise BadRow(f"field '{field}' must be 0 or 1, not {str(value)[:40]!r}")
    return 1.0 if found else -1.0


def _one_zero(field: str, value: object) -> float:
    return 0.0 if as_number(value) == 0.5 else -_zero_one(field, value)


def below_zero(field: str, value: object) -> float:
    found = as_number(value)
    return number(field, value) if found is None else found


DEFINITE: dict[str, Callable[[str, object], float]] = {
    "better_of_1_2": _one_two,
    "better_of_0_1": _zero_one,
    "better_response_id": _zero_one,  # PKU-SafeRLHF
    "first_is_better": _one_zero,
    "labels": _one_zero,  # SHP
    "signed_preference": below_zero,
}
ONE_TWO = ("better_of_1_2", "preference")
VERDICTS = (*NAMED, *SIGNED, *DEFINITE, *ARENA)


def _definite(row: Row) -> Iterator[Verdict]:
    for field, read in DEFINITE.items():
        if is_given(row.get(field)) and (field != "labels" or "human_ref_A" in row):
            yield Verdict(field, read(field, row[field]))


def _arena(row: Row) -> Iterator[Verdict]:
    """Yield the verdict of Chatbot Arena's table: three columns of which one is 1."""
    if not all(field in row for field in ARENA[:2]):
        return
    marks = [as_number(row.get(field, 0)) for field in ARENA]
    if sorted(mark or 0 for mark in marks) != [0, 0, 1]:
        raise BadRow(f"one of {', '.join(ARENA)} must be 1, the others 0")
    yield Verdict(ARENA[0], (-1.0, 1.0, 0.0)[marks.index(1)])


def _worded(names: tuple[str, str], row: Row) -> Iterator[Verdict]:
    """Yield verdicts that name the better response, and the lower of two ranks."""
    for field in NAMED:
        value = row.get(field)
        if not is_given(value):
            continue
        if field == "preference" and names[0] == "output_1":  # AlpacaFarm, AlpacaEval
            yield Verdict(field, _one_two(field, value))
        elif as_number(value) is None:
            yield Verdict(field, named(names, value))
        elif names[0].endswith("0") and as_number(value) in (0, 1):  # names response_0, response_1
            yield Verdict(field, _zero_one(field, value))
    first, second = rank_names(names)
    if is_given(row.get(first)) and is_given(row.get(second)):
        yield Verdict(first, below_zero(first, row[first]) - below_zero(second, row[second]))


def _by_score(names: tuple[str, str], row: Row) -> Iterator[Verdict]:
    """Yield the verdict of the responses' own scores (WebGPT, SHP)."""
    first, second = score_names(names)
    if is_given(row.get(first)) and is_given(row.get(second)):
        yield Verdict(first, below_zero(second, row[second]) - below_zero(first, row[first]))


def _signed(field: str | None, row: Row) -> Iterator[Verdict]:
    if field is not None:
        yield Verdict(field, below_zero(field, row[field]))


def score_names(names: tuple[str, str]) -> tuple[str, str]:
    """Return the names of the responses' scores, such as score_0 and score_1."""
    return f"score_{names[0][-1]}", f"score_{names[1][-1]}"


def rank_names(names: tuple[str, str]) -> tuple[str, str]:
    """Return the names of the responses' ranks, such as rank_a and rank_b."""
    return f"rank_{names[0][-1]}", f"rank_{names[1][-1]}"


def named(names: tuple[str, str], value: object) -> float:
    """Return the lean of a verdict that names the better response, or says that it is a tie."""
    order = ORDER.fullmatch(re.sub(r"\s", "", str(value)).lower())
    if order:
        return _ordered(*order.groups())
    word = plain(value)
    if word.startswith(TIES) or str(value) == "[[C]]":  # MT-bench's judges
        return 0.0
    for place, words in enumerate(PLACES):
        spelled = [
            prefix + word for word in words for prefix in ("", "model", "response", "answer")
        ]
        if word in (plain(names[place]), *spelled):
            return (-1.0, 1.0)[place]
    raise BadRow(
        f"the verdict {str(value)[:40]!r} names neither response "
        "(1 or 2, a or b, A>B, left or right, or tie)"
    )


def _ordered(left: str, sign: str, right: str) -> float:
    if PLACE[left] == PLACE[right]:
        raise BadRow(f"the verdict '{left}{sign}{right}' names one response twice")
    if sign.startswith("="):
        return 0.0
    return PLACE[left] if sign.startswith(">") else PLACE[right]


PLACE = {"a": -1.0, "1": -1.0, "b": 1.0, "2": 1.0}


def plain(value: object) -> str:
    """Return letters and digits alone, in lower case: "Response-1" becomes "response1"."""
    return re.sub(r"\W|_", "", str(value)).lower()


def leans_of_judges(row: Row) -> list[float]:
    """Return a lean for each judge of HelpSteer3 or PandaLM; none where not all of them speak."""
    judges = row.get("individual_preference")
    if isinstance(judges, list):
        scores = [judge.get("score") if isinstance(judge, dict) else None for judge in judges]
        return [number("score", score) for score in scores] if all(map(is_number, scores)) else []
    return [_one_two(field, row[field]) for field in row if ANNOTATOR.fullmatch(field)]
