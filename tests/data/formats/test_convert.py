"""Rows of every known shape into pairs, and what is wrong with a row in one line."""

from typing import Any

import pytest

from mlx_reward.data.formats.convert import FORMATS, NAMES, convert, converter
from mlx_reward.data.formats.pair_row import RatedResponse
from mlx_reward.data.formats.row import BadRow, Tie
from mlx_reward.utils.errors import InputError

Q = {"role": "user", "content": "q"}
GOOD, BAD = {"role": "assistant", "content": "good"}, {"role": "assistant", "content": "bad"}
PAIR = {"prompt": "q", "chosen": "good", "rejected": "bad"}
HH = {
    "chosen": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: How?\n\nAssistant: Like this.\n\nSee?",
    "rejected": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: How?\n\nAssistant: No.",
}
# One row of each shape as its makers write it, all of which say: to q, "good" is better than "bad".
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "TRL, plain strings": ("pair", PAIR),
    "TRL, conversational": ("pair", {"prompt": [Q], "chosen": [GOOD], "rejected": [BAD]}),
    "TRL, implicit prompt": ("implicit", {"chosen": [Q, GOOD], "rejected": [Q, BAD]}),
    "TRL, implicit prompt in strings": ("implicit", {"chosen": "q good", "rejected": "q bad"}),
    "HH-RLHF": ("hh", {"chosen": "\n\nHuman: q\n\nAssistant: good", "rejected": "\n\nHuman: q\n\nAssistant: bad"}),
    "UltraFeedback binarized": (
        "pair",
        {"prompt": "q", "prompt_id": "f0e1", "chosen": [Q, GOOD], "rejected": [Q, BAD], "messages": [Q, GOOD],
         "score_chosen": 8.5, "score_rejected": 7.0},
    ),
    "UltraFeedback, completions": (
        "group",
        {"source": "x", "instruction": "q", "models": ["a", "b"],
         "completions": [{"model": "a", "response": "bad", "overall_score": 3.0, "critique": "..."},
                         {"model": "b", "response": "good", "overall_score": 8.0, "critique": "..."}]},
    ),
    "Nectar": ("group", {"prompt": "q", "answers": [{"answer": "bad", "model": "a", "rank": 5.0},
                                                   {"answer": "good", "model": "b", "rank": 1.0}]}),
    "scores": ("group", {"prompt": "q", "responses": ["bad", "good"], "scores": [1, 2]}),
    "ranks": ("group", {"prompt": "q", "responses": ["bad", "good"], "ranks": [2, 1]}),
    "HelpSteer2 preference": (
        "compared",
        {"split": "train", "prompt": "q", "response_1": "bad", "response_2": "good", "preference_strength": 2,
         "preference_statement": "...", "preference_elaboration": "..."},
    ),
    "HelpSteer3": (
        "compared",
        {"domain": "general", "language": "english", "context": [Q], "response1": "good", "response2": "bad",
         "overall_preference": -2, "individual_preference": [{"score": -2}, {"score": -1}, {"score": 1}]},
    ),
    "Chatbot Arena": (
        "compared",
        {"question_id": "1", "model_a": "x", "model_b": "y", "winner": "model_a", "turn": 1,
         "conversation_a": [Q, GOOD], "conversation_b": [Q, BAD]},
    ),
    "AlpacaFarm": ("compared", {"instruction": "q", "output_1": "bad", "output_2": "good", "preference": 2}),
    "Argilla, nested": (
        "argilla",
        {"id": "r1", "status": "completed", "fields": {"instruction": "q", "response1": "good", "response2": "bad"},
         "metadata": {}, "suggestions": {}, "vectors": {},
         "responses": {"preference": [
             {"value": ["response1", "response2"], "user_id": "u1"},
             {"value": [{"value": "response-1", "rank": 1}, {"value": "response-2", "rank": 2}], "user_id": "u2",
              "status": "submitted"},
             {"value": ["response2", "response1"], "user_id": "u3", "status": "draft"}]}},
    ),
    "Argilla, flat": (
        "argilla",
        {"id": "r1", "instruction": "q", "response1": "good", "response2": "bad",
         "preference.responses": [["response1", "response2"], ["response2", "response1"], ["response1", "response2"]],
         "preference.responses.users": ["a", "b", "c"], "preference.responses.status": ["submitted"] * 3},
    ),
    "Label Studio": (
        "label_studio",
        {"id": 7, "data": {"prompt": "q", "answer1": "bad", "answer2": "good"},
         "annotations": [
             {"id": 1, "completed_by": 1, "was_cancelled": False,
              "result": [{"type": "pairwise", "from_name": "pw", "to_name": "a,b", "value": {"selected": "right"}}]},
             {"id": 2, "completed_by": 2, "was_cancelled": True, "result": []}]},
    ),
    "OpenRLHF": ("implicit", {"chosen": [Q, GOOD], "rejected": [Q, BAD], "score_chosen": 4, "score_rejected": 2}),
    "LLaMA-Factory, sharegpt": (
        "sharegpt",
        {"conversations": [{"from": "human", "value": "q"}], "chosen": {"from": "gpt", "value": "good"},
         "rejected": {"from": "gpt", "value": "bad"}},
    ),
    "LLaMA-Factory, alpaca": ("alpaca", {"instruction": "q", "input": "", "chosen": "good", "rejected": "bad"}),
    "RewardBench": (
        "pair",
        {**PAIR, "chosen_model": "x", "rejected_model": "y", "subset": "alpacaeval-easy", "id": 3},
    ),
    "RewardBench 2": (
        "many",
        {"id": "9", "prompt": "q", "chosen": ["good"], "rejected": ["bad", "worse"], "num_correct": 1, "subset": "Math"},
    ),
    "RM-Bench": (
        "many",
        {"id": 4, "prompt": "q", "chosen": ["good", "good!", "**good**"], "rejected": ["bad", "bad!", "**bad**"],
         "domain": "chat"},
    ),
    "OpenAI": ("openai", {"input": {"messages": [Q]}, "preferred_output": [GOOD], "non_preferred_output": [BAD]}),
}  # fmt: skip


def pairs(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [item for item in convert(row) if isinstance(item, dict)]


@pytest.mark.parametrize("shape", SHAPES)
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
        ("HelpSteer2 preference", "preference_strength", 2.0),
        ("HelpSteer3", "votes", [2, 1]),
        ("Argilla, nested", "votes", [2, 0]),
        ("Argilla, flat", "votes", [2, 1]),
        ("Label Studio", "votes", [1, 0]),
        ("RewardBench", "subset", "alpacaeval-easy"),
        ("RM-Bench", "subset", "chat"),
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


def test_hh_dialogues_part_into_prompt_and_responses() -> None:
    (draft,) = pairs(HH)
    assert [m["content"] for m in draft["prompt"]] == ["Hi", "Hello", "How?"]
    assert draft["chosen"] == "Like this.\n\nSee?"
    assert draft["rejected"] == "No."


def test_a_named_format_refuses_rows_of_another_and_an_unknown_name_lists_the_names() -> None:
    with pytest.raises(
        BadRow, match="not a row of the format 'hh'; it has the columns prompt, chosen, rejected"
    ):
        converter("hh")(PAIR)
    with pytest.raises(InputError, match="data.format is 'dpo': not one of auto, label_studio"):
        converter("dpo")


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
            "field 'prompt' is missing; the columns question are no format known here",
        ),
        ({}, "field 'prompt' is missing"),
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
        (
            {"prompt": "q", "response_1": "a", "response_2": "b", "winner": 0},
            "the verdict '0' names neither response",
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
