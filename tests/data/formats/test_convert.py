"""Rows of every known shape become pairs; what is wrong with a row is said in one line."""

from typing import Any

import pytest

from mlx_reward.data.formats.convert import FORMATS, NAMES, convert, converter
from mlx_reward.data.formats.pair_row import RatedResponse
from mlx_reward.data.formats.row import BadRow, Tie
from mlx_reward.utils.errors import InputError
from tests.data.formats.shapes import GOOD, HH, PAIR, SHAPES, Q

DOUBTFUL = "HelpSteer2 preference"  # see tests/data/test_doubtful.py


def pairs(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [item for item in convert(row) if isinstance(item, dict)]


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != DOUBTFUL])
def test_every_shape_is_recognised_and_says_the_same(shape: str) -> None:
    name, row = SHAPES[shape]
    assert next(f.name for f in FORMATS if f.fits(row)) == name
    first = pairs(row)[0]
    assert (first["chosen"], first["rejected"]) == ("good", "bad")
    assert first["prompt"] in ("q", [Q])
    assert list(converter(name)(row)) == list(convert(row))


def test_every_format_has_a_sample() -> None:
    assert {name for name, _ in SHAPES.values()} | {"rated"} == set(NAMES)


@pytest.mark.parametrize(
    ("shape", "field", "value"),
    [
        ("UltraFeedback binarized", "preference_strength", 1.5),
        ("OpenRLHF", "preference_strength", 2.0),
        ("HelpSteer3", "votes", [2, 1]),
        ("Argilla, nested", "votes", [2, 0]),
        ("Argilla, flat", "votes", [2, 1]),
        ("Label Studio", "votes", [1, 0]),
        ("RewardBench", "subset", "alpacaeval-easy"),
        ("RM-Bench", "subset", "chat"),
        ("PandaLM", "votes", [2, 0]),
        ("PandaLM", "tied_votes", 1),
        ("AlpacaEval, weighted", "agreement", 0.75),
        ("WebGPT", "preference_strength", 1.0),
    ],
)
def test_strength_votes_and_subset_come_along(shape: str, field: str, value: object) -> None:
    assert pairs(SHAPES[shape][1])[0][field] == value


def test_every_right_response_meets_every_wrong_one() -> None:
    assert len(pairs(SHAPES["RM-Bench"][1])) == 9
    assert [p["rejected"] for p in pairs(SHAPES["RewardBench 2"][1])] == ["bad", "worse"]


def test_history_and_system_of_llama_factory_come_first() -> None:
    row = SHAPES["LLaMA-Factory, alpaca"][1] | {
        "system": "s",
        "history": [["a", "b"]],
        "input": "more",
    }
    assert [m["content"] for m in pairs(row)[0]["prompt"]] == ["s", "a", "b", "q\nmore"]


def test_helpsteer2_rows_are_rated_responses_and_its_turns_are_parted() -> None:
    row = {
        "prompt": "a\n<extra_id_1>Assistant\nb\n<extra_id_1>User\nc",
        "response": "r",
        "helpfulness": 3,
        "verbosity": 1,
    }
    (rated,) = convert(row)
    assert isinstance(rated, RatedResponse)
    assert (rated.score, [m["content"] for m in rated.prompt]) == (3, ["a", "b", "c"])


def test_an_implicit_prompt_is_not_cut_within_a_word() -> None:
    (pair,) = pairs({"chosen": "Say it: blueish", "rejected": "Say it: bluegreen"})
    assert (pair["prompt"], pair["chosen"], pair["rejected"]) == ("Say it:", "blueish", "bluegreen")


def test_a_pair_row() -> None:
    assert list(convert(PAIR | {"topic": "t"})) == [PAIR | {"subset": "t"}]


def test_a_conversation_as_prompt_is_kept_and_other_keys_of_its_messages_are_not() -> None:
    messages = [{"role": "system", "content": "s"}, Q]
    assert pairs(PAIR | {"prompt": [messages[0] | {"name": "x"}, Q]})[0]["prompt"] == messages


def test_content_in_parts_is_joined() -> None:
    parts = [{"type": "text", "text": "q"}, {"type": "text", "text": "?"}]
    assert (
        pairs(PAIR | {"prompt": [{"role": "user", "content": parts}]})[0]["prompt"][0]["content"]
        == "q?"
    )


def test_votes_agreement_and_strength_are_kept() -> None:
    row = PAIR | {"votes": [3, 1], "agreement": 0.75, "margin": 2}
    assert next(convert(row)) == PAIR | {
        "subset": None,
        "votes": [3, 1],
        "agreement": 0.75,
        "preference_strength": 2.0,
    }


def test_a_group_gives_every_two_responses_of_different_score_and_a_tie_for_the_others() -> None:
    row = {
        "prompt": "q",
        "responses": ["mid", "best", "worst", "also mid", "best"],
        "scores": [1, 2.5, 0, 1, 2],
    }
    found = [(d["chosen"], d["rejected"]) for d in pairs(row)]
    assert len(found) == 8
    assert ("mid", "worst") in found
    assert ("mid", "also mid") not in found
    assert sorted(str(t) for t in convert(row) if isinstance(t, Tie)) == [
        "two responses are equal",
        "two responses have the same score",
    ]


def test_the_defect_is_that_of_the_rejected_response() -> None:
    row = {"prompt": "q", "responses": ["a", "b"], "scores": [0, 1], "defects": ["rude", None]}
    assert pairs(row)[0]["defect"] == "rude"


@pytest.mark.parametrize("winner", ["tie", "tie (bothbad)"])
def test_a_tie_is_no_pair_and_no_error(winner: str) -> None:
    (found,) = convert(SHAPES["Chatbot Arena"][1] | {"winner": winner})
    assert isinstance(found, Tie)


def test_annotators_who_rank_two_responses_alike_are_counted() -> None:
    alike = [{"value": "response1", "rank": 1}, {"value": "response2", "rank": 1}]
    first = [{"value": "response1", "rank": 1}, {"value": "response2", "rank": 2}]
    fields = {"instruction": "q", "response1": "good", "response2": "bad"}

    def row(*rankings: object) -> dict[str, Any]:
        return {"fields": fields, "responses": {"p": [{"value": value} for value in rankings]}}

    (pair,) = pairs(row(first, first, alike))
    assert (pair["votes"], pair["tied_votes"]) == ([2, 0], 1)
    (tie,) = convert(row(first, alike, alike))
    assert isinstance(tie, Tie)
    assert tie.judged is not None
    assert tie.judged.votes == (1, 0, 2)


def test_hh_dialogues_part_into_prompt_and_responses() -> None:
    (pair,) = pairs(HH)
    assert [m["content"] for m in pair["prompt"]] == ["Hi", "Hello", "How?"]
    assert pair["chosen"] == "Like this.\n\nSee?"
    assert pair["rejected"] == "No."


def test_a_named_format_refuses_rows_of_another_and_an_unknown_name_lists_the_names() -> None:
    with pytest.raises(
        BadRow,
        match="not a row of the format 'hh' but of the format 'pair'; it has the columns prompt",
    ):
        converter("hh")(PAIR)
    with pytest.raises(InputError, match="data.format is 'dpo': not one of auto, label_studio"):
        converter("dpo")


def test_columns_of_no_format_are_listed_with_the_nearest_format_and_likely_typos() -> None:
    with pytest.raises(BadRow) as refused:
        convert({"promt": "q", "chosen": "a", "rejcted": "b"})
    assert str(refused.value) == (
        "the columns promt, chosen, rejcted are no format known here; the nearest is 'pair', which "
        "needs 'prompt' and 'rejected' too; perhaps data.columns: "
        "{promt: prompt, rejcted: rejected}"
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "q", "chosen": "a"}, "field 'rejected' is missing"),
        (
            {"chosen": "a", "rejected": "b"},
            "field 'prompt' is missing, and chosen and rejected share no beginning",
        ),
        (
            {"question": "q"},
            "the columns question are no format known here; the nearest is 'pair', which needs",
        ),
        ({}, r"the columns \(none\) are no format"),
        (PAIR | {"chosen": 5}, "field 'chosen' is int, not text"),
        (PAIR | {"chosen": " \n"}, "field 'chosen' is empty"),
        (PAIR | {"chosen": "a\x00b"}, "field 'chosen' holds a NUL character"),
        (PAIR | {"chosen": "a\ud800"}, "half a surrogate pair"),
        (PAIR | {"chosen": "bad"}, "chosen and rejected are equal"),
        (
            PAIR | {"chosen": [{"role": "user", "content": "other"}, GOOD]},
            "field 'chosen' does not continue the prompt",
        ),
        (PAIR | {"chosen": [Q]}, "field 'chosen' does not end with the assistant"),
        (PAIR | {"prompt": []}, "empty conversation"),
        (
            PAIR | {"prompt": [{"role": "robot", "content": "x"}]},
            r"field 'prompt\[0\].role' is 'robot', not one of",
        ),
        (PAIR | {"prompt": ["hi"]}, r"field 'prompt\[0\].role' is 'hi'"),
        (
            PAIR | {"prompt": [{"role": "user", "content": None}]},
            r"field 'prompt\[0\].content' is missing",
        ),
        (
            PAIR | {"prompt": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "is list, not text",
        ),
        (PAIR | {"prompt": [GOOD]}, "does not end with the user"),
        (PAIR | {"votes": [3]}, "'votes' must be two counts"),
        (PAIR | {"agreement": 1.2}, "'agreement' must be a share from 0 to 1"),
        (PAIR | {"margin": "big"}, "'margin' must be a number, not 'big'"),
        (
            {"prompt": "q", "responses": ["a", "b"], "scores": [1, float("nan")]},
            r"'scores\[1\]' must be a number",
        ),
        ({"prompt": "q", "responses": ["a", "b"], "scores": [1]}, "lists of the same length"),
        ({"prompt": "q", "responses": ["a"], "scores": [1]}, "at least two responses"),
        (
            {"prompt": "q", "responses": ["a", "b"], "scores": ["1", "2"]},
            "must be a number, not '1'",
        ),
        ({"prompt": "q", "responses": ["a", "b"]}, "lists of the same length"),
        ({"question": "", "chosen": "a b", "rejected": "a c"}, "field 'question' is empty"),
        (
            {"prompt": "q", "response_1": "a", "response_2": "b", "winner": "0th"},
            "the verdict '0th' names neither response",
        ),
        (SHAPES["Label Studio"][1] | {"annotations": []}, "no judge's verdict"),
        (
            SHAPES["LLaMA-Factory, alpaca"][1] | {"history": ["x"]},
            r"'history\[0\]' is not a question and its answer",
        ),
        (
            HH | {"rejected": "\n\nHuman: Other\n\nAssistant: No."},
            "do not continue the same conversation",
        ),
        (HH | {"rejected": "\n\nHuman: Hi"}, "does not end with the assistant"),
    ],
)
def test_a_bad_row_says_which_field_and_why(row: dict[str, object], reason: str) -> None:
    with pytest.raises(BadRow, match=reason):
        list(convert(row))
