"""One row of every shape as its makers write it."""

from typing import Any

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
    "HH-RLHF": (
        "hh",
        {"chosen": "\n\nHuman: q\n\nAssistant: good", "rejected": "\n\nHuman: q\n\nAssistant: bad"},
    ),
    "UltraFeedback binarized": (
        "pair",
        {
            "prompt": "q",
            "prompt_id": "f0e1",
            "chosen": [Q, GOOD],
            "rejected": [Q, BAD],
            "messages": [Q, GOOD],
            "score_chosen": 8.5,
            "score_rejected": 7.0,
        },
    ),
    "UltraFeedback, completions": (
        "group",
        {
            "source": "x",
            "instruction": "q",
            "models": ["a", "b"],
            "completions": [
                {"model": "a", "response": "bad", "overall_score": 3.0, "critique": "..."},
                {"model": "b", "response": "good", "overall_score": 8.0, "critique": "..."},
            ],
        },
    ),
    "Nectar": (
        "group",
        {
            "prompt": "q",
            "answers": [
                {"answer": "bad", "model": "a", "rank": 5.0},
                {"answer": "good", "model": "b", "rank": 1.0},
            ],
        },
    ),
    "scores": ("group", {"prompt": "q", "responses": ["bad", "good"], "scores": [1, 2]}),
    "ranks": ("group", {"prompt": "q", "responses": ["bad", "good"], "ranks": [2, 1]}),
    "HelpSteer2 preference": (
        "compared",
        {
            "split": "train",
            "prompt": "q",
            "response_1": "bad",
            "response_2": "good",
            "preference_strength": 2,
            "preference_statement": "...",
            "preference_elaboration": "...",
        },
    ),
    "HelpSteer3": (
        "compared",
        {
            "domain": "general",
            "language": "english",
            "context": [Q],
            "response1": "good",
            "response2": "bad",
            "overall_preference": -2,
            "individual_preference": [{"score": -2}, {"score": -1}, {"score": 1}],
        },
    ),
    "Chatbot Arena": (
        "compared",
        {
            "question_id": "1",
            "model_a": "x",
            "model_b": "y",
            "winner": "model_a",
            "turn": 1,
            "conversation_a": [Q, GOOD],
            "conversation_b": [Q, BAD],
        },
    ),
    "AlpacaFarm": (
        "compared",
        {"instruction": "q", "output_1": "bad", "output_2": "good", "preference": 2},
    ),
    "Argilla, nested": (
        "argilla",
        {
            "id": "r1",
            "status": "completed",
            "fields": {"instruction": "q", "response1": "good", "response2": "bad"},
            "metadata": {},
            "suggestions": {},
            "vectors": {},
            "responses": {
                "preference": [
                    {"value": ["response1", "response2"], "user_id": "u1"},
                    {
                        "value": [
                            {"value": "response-1", "rank": 1},
                            {"value": "response-2", "rank": 2},
                        ],
                        "user_id": "u2",
                        "status": "submitted",
                    },
                    {"value": ["response2", "response1"], "user_id": "u3", "status": "draft"},
                ]
            },
        },
    ),
    "Argilla, flat": (
        "argilla",
        {
            "id": "r1",
            "instruction": "q",
            "response1": "good",
            "response2": "bad",
            "preference.responses": [
                ["response1", "response2"],
                ["response2", "response1"],
                ["response1", "response2"],
            ],
            "preference.responses.users": ["a", "b", "c"],
            "preference.responses.status": ["submitted"] * 3,
        },
    ),
    "Label Studio": (
        "label_studio",
        {
            "id": 7,
            "data": {"prompt": "q", "answer1": "bad", "answer2": "good"},
            "annotations": [
                {
                    "id": 1,
                    "completed_by": 1,
                    "was_cancelled": False,
                    "result": [
                        {
                            "type": "pairwise",
                            "from_name": "pw",
                            "to_name": "a,b",
                            "value": {"selected": "right"},
                        }
                    ],
                },
                {"id": 2, "completed_by": 2, "was_cancelled": True, "result": []},
            ],
        },
    ),
    "OpenRLHF": (
        "implicit",
        {"chosen": [Q, GOOD], "rejected": [Q, BAD], "score_chosen": 4, "score_rejected": 2},
    ),
    "LLaMA-Factory, sharegpt": (
        "sharegpt",
        {
            "conversations": [{"from": "human", "value": "q"}],
            "chosen": {"from": "gpt", "value": "good"},
            "rejected": {"from": "gpt", "value": "bad"},
        },
    ),
    "LLaMA-Factory, alpaca": (
        "alpaca",
        {"instruction": "q", "input": "", "chosen": "good", "rejected": "bad"},
    ),
    "RewardBench": (
        "pair",
        {**PAIR, "chosen_model": "x", "rejected_model": "y", "subset": "alpacaeval-easy", "id": 3},
    ),
    "RewardBench 2": (
        "many",
        {
            "id": "9",
            "prompt": "q",
            "chosen": ["good"],
            "rejected": ["bad", "worse"],
            "num_correct": 1,
            "subset": "Math",
        },
    ),
    "RM-Bench": (
        "many",
        {
            "id": 4,
            "prompt": "q",
            "chosen": ["good", "good!", "**good**"],
            "rejected": ["bad", "bad!", "**bad**"],
            "domain": "chat",
        },
    ),
    "OpenAI": (
        "openai",
        {"input": {"messages": [Q]}, "preferred_output": [GOOD], "non_preferred_output": [BAD]},
    ),
}
