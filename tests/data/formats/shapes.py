"""One row of every shape as its makers write it."""

from typing import Any

Q = {"role": "user", "content": "q"}
GOOD, BAD = {"role": "assistant", "content": "good"}, {"role": "assistant", "content": "bad"}
PAIR = {"prompt": "q", "chosen": "good", "rejected": "bad"}


def _parts(role: str, text: str) -> dict[str, Any]:
    part = {"type": "text", "text": text, "image": None, "mimeType": None}
    return {"role": role, "content": [part], "num_tokens": 1}


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
        {
            "input": {"messages": [Q], "tools": [], "parallel_tool_calls": True},
            "preferred_output": [GOOD],
            "non_preferred_output": [BAD],
        },
    ),
    "JudgeBench": (
        "compared",
        {
            "pair_id": "81ec57f2-483f-515f-93ff-78a8910b2153",
            "original_id": "10646",
            "source": "mmlu-pro-computer science",
            "question": "q",
            "response_model": "gpt-4o-2024-05-13",
            "response_A": "bad",
            "response_B": "good",
            "label": "B>A",
        },
    ),
    "PandaLM": (
        "compared",
        {
            "idx": 4,
            "motivation_app": "Google Search",
            "cmp_key": "cerebras-gpt-6.7B_pythia-6.9b",
            "instruction": "q",
            "input": float("nan"),
            "response1": "bad",
            "response2": "good",
            "annotator1": 2,
            "annotator2": 0,
            "annotator3": 2,
        },
    ),
    "AlpacaEval": (
        "compared",
        {
            "instruction": "q",
            "output_1": "good",
            "generator_1": "text_davinci_003",
            "dataset": "helpful_base",
            "output_2": "bad",
            "generator_2": "LMCocktail-10.7B-v1",
            "annotator": "alpaca_eval_gpt4",
            "preference": 1.0,
            "price_per_example": 0.02094,
            "time_per_example": 0.6389189567,
        },
    ),
    "AlpacaEval, weighted": (
        "compared",
        {
            "instruction": "q",
            "output_1": "bad",
            "generator_1": "gpt4_1106_preview",
            "dataset": "helpful_base",
            "output_2": "good",
            "generator_2": "example",
            "datasplit": "eval",
            "annotator": "weighted_alpaca_eval_gpt4_turbo",
            "preference": 1.75,
            "raw_completion": {"finish_reason": "length", "text": "m"},
        },
    ),
    "Arena, 140k": (
        "compared",
        {
            "id": "f0e1",
            "model_a": "x",
            "model_b": "y",
            "winner": "model_b",
            "evaluation_session_id": "s",
            "evaluation_order": 1,
            "conversation_a": [_parts("user", "q"), _parts("assistant", "bad")],
            "conversation_b": [_parts("user", "q"), _parts("assistant", "good")],
            "conv_metadata": {"sum_assistant_a_tokens": 1},
            "language": "en",
            "is_code": False,
        },
    ),
    "Arena, 55k": (
        "compared",
        {
            "id": 30192,
            "model_a": "gpt-4-1106-preview",
            "model_b": "gpt-4-0613",
            "prompt": '["q"]',
            "response_a": '["good"]',
            "response_b": '["bad"]',
            "winner_model_a": 1,
            "winner_model_b": 0,
            "winner_tie": 0,
        },
    ),
    "MT-bench": (
        "compared",
        {
            "question_id": 81,
            "model_a": "alpaca-13b",
            "model_b": "gpt-3.5-turbo",
            "winner": "model_b",
            "judge": "author_2",
            "conversation_a": [Q, BAD, {"role": "user", "content": "and?"}, GOOD],
            "conversation_b": [Q, GOOD, {"role": "user", "content": "and?"}, BAD],
            "turn": 1,
        },
    ),
    "PKU-SafeRLHF": (
        "compared",
        {
            "prompt": "q",
            "response_0": "good",
            "response_1": "bad",
            "prompt_source": "BeaverTails",
            "response_0_source": "Alpaca3-8B",
            "response_1_source": "Alpaca3-8B",
            "is_response_0_safe": False,
            "is_response_1_safe": True,
            "response_0_harm_category": {"Violence": True},
            "response_1_harm_category": {"Violence": False},
            "response_0_severity_level": 1,
            "response_1_severity_level": 0,
            "better_response_id": 0,
            "safer_response_id": 1,
            "response_0_sha256": "b2c5",
            "response_1_sha256": "e8c2",
        },
    ),
    "WebGPT": (
        "compared",
        {
            "question": {"dataset": "triviaqa", "id": "5d", "full_text": "q"},
            "quotes_0": {"title": ["t"], "extract": ["e"]},
            "answer_0": "bad",
            "tokens_0": {"prefix": [1], "completion": [2]},
            "score_0": -0.5,
            "quotes_1": {"title": ["t"], "extract": ["e"]},
            "answer_1": "good",
            "tokens_1": {"prefix": [1], "completion": [2]},
            "score_1": 0.5,
        },
    ),
    "SHP": (
        "compared",
        {
            "post_id": "qt3nxl",
            "domain": "askculinary_train",
            "history": "q",
            "human_ref_A": "good",
            "human_ref_B": "bad",
            "labels": 1,
            "score_A": 340,
            "score_B": 166,
            "score_ratio": 2.0,
        },
    ),
    "Orca DPO pairs": (
        "pair",
        {"system": "", "question": "q", "chosen": "good", "rejected": "bad"},
    ),
}
