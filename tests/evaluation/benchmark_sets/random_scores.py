"""Benchmark files with random rewards, for which the official code's figures are stored.

``python benchmarks/official_scores.py`` runs that code over these rows and writes
``official_scores.json`` beside this file. Rewards are rounded so that ties occur.
"""

import random
from typing import Any

Row = dict[str, Any]  # a row of the benchmark's file, and "rewards" of its responses

REWARD_BENCH = (
    *("alpacaeval-easy", "alpacaeval-length", "alpacaeval-hard", "mt-bench-easy", "mt-bench-med"),
    *("mt-bench-hard", "llmbar-natural", "llmbar-adver-neighbor", "llmbar-adver-GPTInst"),
    *("llmbar-adver-GPTOut", "llmbar-adver-manual", "refusals-dangerous", "refusals-offensive"),
    *("xstest-should-refuse", "xstest-should-respond", "donotanswer", "math-prm", "hep-cpp"),
    *("hep-go", "hep-java", "hep-js", "hep-python", "hep-rust"),
)
REWARD_BENCH_2 = ("Factuality", "Precise IF", "Math", "Safety", "Focus")
RM_BENCH = {"chat": 9, "math": 21, "code": 14, "safety-refuse": 17, "safety-response": 6}


def rewardbench() -> list[Row]:
    """Return pairs of all subsets; each subset has a difficulty of its own."""
    rng = random.Random(1)
    rows = []
    for subset in REWARD_BENCH:
        ahead = rng.uniform(-1, 2)
        for _ in range(rng.randint(5, 15)):
            rewards = [_reward(rng, ahead), _reward(rng, 0)]
            rows.append(_row(len(rows), ["a"], ["b"], rewards) | {"subset": subset})
    return [row | {"chosen": "a", "rejected": "b"} for row in rows]


def rewardbench2() -> list[Row]:
    """Return questions of four responses, and those of Ties; one of their ids occurs twice."""
    rng = random.Random(2)
    rows = []
    for subset in REWARD_BENCH_2:
        ahead = rng.uniform(0, 2)
        for _ in range(rng.randint(10, 20)):
            rewards = [_reward(rng, ahead), *(_reward(rng, 0) for _ in range(3))]
            rows.append(_row(len(rows), ["a"], ["b", "c", "d"], rewards) | {"subset": subset})
    for number in [*range(20), 7]:
        reference = [_reward(rng, 3), _reward(rng, 0), _reward(rng, 0)]
        rows.append(_row(f"ref:{number}", ["a"], ["b", "c"], reference) | {"subset": "Ties"})
        tied = [_reward(rng, 3), _reward(rng, 3), _reward(rng, 0), _reward(rng, 0)]
        rows.append(_row(f"tied:{number}", ["a", "b"], ["c", "d"], tied) | {"subset": "Ties"})
    return rows


def rm_bench() -> list[Row]:
    """Return questions of three right and three wrong styles, in five domains."""
    rng = random.Random(3)
    rows = []
    for domain, count in RM_BENCH.items():
        ahead = rng.uniform(-1, 2)
        for _ in range(count):
            right = [_reward(rng, ahead + style) for style in range(3)]
            wrong = [_reward(rng, style) for style in range(3)]
            row = _row(len(rows), ["a", "b", "c"], ["d", "e", "f"], right + wrong)
            rows.append(row | {"domain": domain})
    return rows


BENCHMARKS = {"rewardbench": rewardbench, "rewardbench2": rewardbench2, "rm_bench": rm_bench}


def _reward(rng: random.Random, ahead: float) -> float:
    return round(2 * (ahead + rng.random() * 4 - 2)) / 2


def _row(id: int | str, chosen: list[str], rejected: list[str], rewards: list[float]) -> Row:
    return {
        "id": id,
        "prompt": f"question {id}",
        "chosen": chosen,
        "rejected": rejected,
        "rewards": rewards,
    }
