"""Two responses and a verdict: named verdicts decide, and numbers may not contradict them."""

from typing import Any

import pytest

from mlx_reward.data.formats.ballots import majority
from mlx_reward.data.formats.convert import convert
from mlx_reward.data.formats.row import BadRow, Contradictory, Doubtful, Tie
from tests.data.formats.shapes import BAD, GOOD, PAIR, SHAPES, Q

AB = {"prompt": "q", "response_a": "good", "response_b": "bad"}


@pytest.mark.parametrize(
    ("votes", "lean"),
    [((2, 1, 2), -1), ((1, 2, 0), 1), ((2, 1, 3), 0), ((2, 2, 1), 0), ((0, 0, 1), 0)],
)
def test_most_judges_for_neither_make_a_tie(votes: tuple[int, int, int], lean: int) -> None:
    """Three for neither are more than two for the first, though fewer than all the others."""
    assert majority(votes) == lean


def only(row: dict[str, Any]) -> Any:
    (found,) = convert(row)
    return found


@pytest.mark.parametrize("field", ["preference_strength", "overall_preference", "margin"])
@pytest.mark.parametrize("number", [2, -2])
def test_a_named_winner_is_not_turned_around_by_an_unsigned_strength(
    field: str, number: int
) -> None:
    found = only(AB | {"winner": "a", field: number})
    assert (found["chosen"], found["preference_strength"]) == ("good", 2.0)


@pytest.mark.parametrize(
    "verdict",
    ["a", "A", "model_a", "Response A", "[[A]]", "left", "first", "1st?", "A>B", "A>>B", "[[A>>B]]",
     "B<A", "response_a", "A > B"],
)  # fmt: skip
def test_spellings_of_the_first(verdict: str) -> None:
    if verdict == "1st?":
        with pytest.raises(BadRow, match="names neither response"):
            only(AB | {"winner": verdict})
        return
    assert only(AB | {"winner": verdict})["chosen"] == "good"


@pytest.mark.parametrize(
    "verdict",
    ["tie", "tie (bothbad)", "both_bad", "both_good", "Both are bad", "A=B", "[[A=B]]", "[[C]]",
     "neither", "equal"],
)  # fmt: skip
def test_spellings_of_a_tie(verdict: str) -> None:
    found = only(AB | {"winner": verdict})
    assert isinstance(found, Tie)
    assert found.judged is not None
    assert found.judged.votes == (0, 0, 1)


@pytest.mark.parametrize(
    "row",
    [
        PAIR | {"score_chosen": 1, "score_rejected": 9},
        PAIR | {"chosen_rating": 1, "rejected_rating": 2},
        PAIR | {"margin": -1},
        PAIR | {"votes": [1, 3]},
        AB | {"winner": "a", "score_a": 1, "score_b": 2},
        AB | {"winner": "a", "rank_a": 2, "rank_b": 1},
        AB | {"winner": "a", "label": "b"},
        AB | {"winner": "a", "better_response_id": 1},
        AB | {"winner": "a", "signed_preference": 1},
        SHAPES["HelpSteer3"][1] | {"overall_preference": 2},
        SHAPES["WebGPT"][1] | {"winner": "0", "better_response_id": 0},
        {
            "prompt": "q",
            "responses": [
                {"text": "a", "rank": 1, "score": 0.1},
                {"text": "b", "rank": 2, "score": 0.9},
            ],
        },
        {"prompt": "q", "responses": ["a", "b"], "ranks": [1, 2], "scores": [1, 2]},
    ],
)
def test_a_row_that_contradicts_itself_is_set_aside(row: dict[str, Any]) -> None:
    with pytest.raises(Contradictory):
        list(convert(row))


def test_rank_decides_where_scores_tie() -> None:
    items = [{"text": "worse", "rank": 2, "score": 5}, {"text": "better", "rank": 1, "score": 5}]
    assert only({"prompt": "q", "responses": items})["chosen"] == "better"


def test_scores_under_different_names_are_not_compared() -> None:
    items = [{"response": "a", "rating": 9}, {"response": "b", "score": 3}]
    with pytest.raises(BadRow, match=r"'responses\[0\].score' must be a number"):
        list(convert({"instruction": "q", "completions": items}))


@pytest.mark.parametrize("number", [0, 1, 1.0, "1", True])
def test_a_bare_number_between_a_and_b_is_left_to_the_source(number: object) -> None:
    with pytest.raises(Doubtful) as doubt:
        only(AB | {"label": number})
    assert doubt.value.numbers == {"label": float(number)}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value", "chosen"),
    [
        ("better_of_0_1", 0, "good"),
        ("better_of_0_1", "1", "bad"),
        ("better_of_1_2", 1, "good"),
        ("better_of_1_2", 2.0, "bad"),
        ("first_is_better", 1, "good"),
        ("first_is_better", False, "bad"),
        ("signed_preference", -3, "good"),
        ("signed_preference", 0.5, "bad"),
    ],
)
def test_numbers_under_definite_names(field: str, value: object, chosen: str) -> None:
    assert only(AB | {field: value})["chosen"] == chosen


@pytest.mark.parametrize(("field", "value"), [("better_of_0_1", 2), ("better_of_1_2", 3)])
def test_numbers_that_a_definite_name_does_not_know(field: str, value: int) -> None:
    with pytest.raises(BadRow, match=f"'{field}' must be"):
        only(AB | {field: value})


@pytest.mark.parametrize("number", [0, 1.5])
def test_ties_of_alpaca_eval(number: float) -> None:
    assert isinstance(only(SHAPES["AlpacaEval"][1] | {"preference": number}), Tie)


def test_annotators_of_pandalm_are_ballots() -> None:
    row = SHAPES["PandaLM"][1]
    found = only(row | {"annotator1": 0})  # 0, 0, 2: most say tie, as its own metric takes it
    assert isinstance(found, Tie)
    assert found.judged is not None
    assert found.judged.votes == (0, 1, 2)
    assert only(row | {"annotator1": 1, "annotator2": 1})["votes"] == [2, 1]


def test_the_overall_verdict_of_helpsteer3_decides_where_its_judges_are_even() -> None:
    judges = [{"score": -2}, {"score": 1}]
    found = only(
        SHAPES["HelpSteer3"][1] | {"individual_preference": judges, "overall_preference": -1}
    )
    assert (found["chosen"], found["votes"]) == ("good", [1, 1])
    tied = only(SHAPES["HelpSteer3"][1] | {"overall_preference": 0})
    assert isinstance(tied, Tie)


def test_votes_beside_a_verdict_are_those_of_the_winner_first() -> None:
    assert only(AB | {"winner": "b", "votes": [1, 3]})["votes"] == [3, 1]


def test_conversations_with_different_histories_are_not_merged() -> None:
    row = SHAPES["MT-bench"][1]
    with pytest.raises(BadRow, match="two conversations differ before their last turns"):
        only(row | {"turn": 2})
    with pytest.raises(BadRow, match="field 'turn' is 3, and 'conversation_a' has 2 answers"):
        only(row | {"turn": 3})
    table = SHAPES["Arena, 55k"][1]
    two_turns = {"prompt": '["q", "r"]', "response_a": '["x", "a"]', "response_b": '["y", "b"]'}
    with pytest.raises(BadRow, match="two conversations differ"):
        only(table | two_turns)
    same = only(table | two_turns | {"response_b": '["x", "b"]'})
    assert [m["content"] for m in same["prompt"]] == ["q", "x", "r"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"winner_model_b": 1}, "one of winner_model_a, winner_model_b, winner_tie must be 1"),
        ({"response_a": '["good", null]'}, "as many turns"),
        ({"response_a": "[null]"}, "is missing"),
        ({"prompt": "[broken"}, "must be JSON lists"),
    ],
)
def test_damaged_rows_of_the_arena_table(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRow, match=reason):
        only(SHAPES["Arena, 55k"][1] | change)


def test_a_tie_of_the_arena_table() -> None:
    marks = {"winner_model_a": "0", "winner_model_b": "0", "winner_tie": "1"}  # as CSV has them
    assert isinstance(only(SHAPES["Arena, 55k"][1] | marks), Tie)


def test_a_third_response_is_not_dropped() -> None:
    with pytest.raises(BadRow, match="3 responses in fields of their own"):
        only(AB | {"response_c": "third", "winner": "a"})


def test_openais_outputs_keep_their_earlier_messages() -> None:
    more = {"role": "user", "content": "r"}
    row = {
        "input": {"messages": [Q]},
        "preferred_output": [BAD, more, GOOD],
        "non_preferred_output": [BAD, more, BAD],
    }
    assert only(row)["prompt"] == [Q, BAD, more]
    with pytest.raises(BadRow, match="do not continue the same conversation"):
        only(row | {"non_preferred_output": [GOOD, more, BAD]})


@pytest.mark.parametrize("name", ["question", "input", "query", "context", "instruction"])
def test_the_prompt_comes_from_its_column_not_from_how_the_answers_begin(name: str) -> None:
    row = {name: "Is 7 a prime?", "chosen": "The answer is yes", "rejected": "The answer is no"}
    found = only(row)
    assert (found["prompt"], found["chosen"]) == ("Is 7 a prime?", "The answer is yes")
    assert only({name: "q", "response_a": "x", "response_b": "y", "winner": "a"})["prompt"] == "q"


def test_alpacas_input_belongs_to_the_prompt_of_compared_rows_too() -> None:
    assert only(SHAPES["AlpacaFarm"][1] | {"input": "more"})["prompt"] == "q\nmore"


def test_two_columns_that_may_be_the_prompt_are_refused() -> None:
    row = {"question": "who?", "context": "a text", "chosen": "x", "rejected": "y"}
    with pytest.raises(BadRow, match="'question' and 'context' may both be the prompt"):
        only(row)
    assert only(row | {"prompt": "q"})["prompt"] == "q"


def test_a_column_beside_whole_conversations_is_no_prompt() -> None:
    row = {"context": "chat", "chosen": [Q, GOOD], "rejected": [Q, BAD]}
    assert only(row)["prompt"] == [Q]
