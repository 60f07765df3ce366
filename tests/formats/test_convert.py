"""Rows of each shape into pairs, and what is wrong with a row in one line."""

import pytest

from mlx_reward.formats.convert import convert
from mlx_reward.formats.lines import BadRow

PAIR = {"prompt": "q", "chosen": "good", "rejected": "bad"}
HH = {
    "chosen": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: How?\n\nAssistant: Like this.\n\nSee?",
    "rejected": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: How?\n\nAssistant: No.",
}


def test_a_pair_row() -> None:
    assert list(convert(PAIR | {"topic": "t"})) == [PAIR | {"subset": "t"}]


def test_a_conversation_as_prompt_is_kept() -> None:
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]
    assert next(convert(PAIR | {"prompt": messages}))["prompt"] == messages


def test_votes_agreement_and_strength_are_kept() -> None:
    row = PAIR | {"votes": [3, 1], "agreement": 0.75, "margin": 2}
    assert next(convert(row)) == PAIR | {"subset": None, "votes": [3, 1], "agreement": 0.75, "preference_strength": 2.0}


def test_a_group_gives_every_two_responses_of_different_score() -> None:
    row = {"prompt": "q", "responses": ["mid", "best", "worst", "also mid"], "scores": [1, 2.5, 0, 1]}
    found = [(d["chosen"], d["rejected"]) for d in convert(row)]
    assert sorted(found) == sorted(
        [("best", "mid"), ("best", "also mid"), ("best", "worst"), ("mid", "worst"), ("also mid", "worst")]
    )


def test_the_defect_is_that_of_the_rejected_response() -> None:
    row = {"prompt": "q", "responses": ["a", "b"], "scores": [0, 1], "defects": ["rude", None]}
    assert next(convert(row))["defect"] == "rude"


def test_hh_dialogues_part_into_prompt_and_responses() -> None:
    draft = next(convert(HH))
    assert [m["content"] for m in draft["prompt"]] == ["Hi", "Hello", "How?"]
    assert draft["chosen"] == "Like this.\n\nSee?"
    assert draft["rejected"] == "No."


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "q", "chosen": "a"}, "field 'rejected' is missing"),
        ({"chosen": "a", "rejected": "b"}, "field 'prompt' is missing"),
        ({"question": "q"}, "field 'prompt' is missing"),
        (PAIR | {"chosen": 5}, "field 'chosen' is int, not text"),
        (PAIR | {"chosen": " \n"}, "field 'chosen' is empty"),
        (PAIR | {"chosen": "bad"}, "chosen and rejected are equal"),
        (PAIR | {"prompt": []}, "empty conversation"),
        (PAIR | {"prompt": [{"role": "robot", "content": "x"}]}, r"field 'prompt\[0\].role' is 'robot', not one of"),
        (PAIR | {"prompt": ["hi"]}, r"field 'prompt\[0\].role' is 'hi'"),
        (PAIR | {"prompt": [{"role": "user", "content": None}]}, r"field 'prompt\[0\].content' is missing"),
        (PAIR | {"prompt": [{"role": "assistant", "content": "x"}]}, "does not end with the user"),
        (PAIR | {"votes": [3]}, "'votes' must be two counts"),
        (PAIR | {"agreement": 1.2}, "'agreement' must be a share from 0 to 1"),
        (PAIR | {"margin": "big"}, "'preference_strength' must be a number"),
        ({"prompt": "q", "responses": ["a", "b"], "scores": [1, float("nan")]}, "must hold numbers"),
        ({"prompt": "q", "responses": ["a"], "scores": [1, 2]}, "lists of the same length"),
        ({"prompt": "q", "responses": ["a", "b"], "scores": ["1", "2"]}, "must hold numbers"),
        (HH | {"rejected": "\n\nHuman: Other\n\nAssistant: No."}, "do not continue the same conversation"),
        (HH | {"rejected": "\n\nHuman: Hi"}, "does not end with the assistant"),
    ],
)
def test_a_bad_row_says_which_field_and_why(row: dict[str, object], reason: str) -> None:
    with pytest.raises(BadRow, match=reason):
        list(convert(row))
