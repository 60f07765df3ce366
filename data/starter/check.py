"""Checks that the starter set keeps its promises.

Every number is computed from the files beside this script:

python data/starter/check.py [FILE ...]
"""

import json
import re
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path

DEFECTS = frozenset(
    [
        "wrong",
        "off_topic",
        "vague",
        "padded",
        "sycophantic",
        "rude",
        "unsafe",
        "over_refusal",
        "ignores_constraint",
        "incoherent",
        "incomplete",
        "overconfident",
        "repetitive",
    ]
)


def ngrams(text: str, size: int = 8) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)}


def read_groups(files: list[Path]) -> list[dict]:
    return [
        json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()
    ]


def shape_problems(groups: list[dict]) -> list[str]:
    """Rows that are not one prompt, four different ranked responses and three named defects."""
    problems = [
        f"{id}: id used {n} times" for id, n in Counter(g["id"] for g in groups).items() if n > 1
    ]
    for g in groups:
        if len(g["responses"]) != 4 or len({r.strip() for r in g["responses"]}) != 4:
            problems.append(f"{g['id']}: needs 4 different responses")
        if g["scores"] != [3, 2, 1, 0]:
            problems.append(f"{g['id']}: scores must be [3, 2, 1, 0]")
        if (
            g["defects"][0] is not None
            or not set(g["defects"][1:]) <= DEFECTS
            or len(g["defects"]) != 4
        ):
            problems.append(f"{g['id']}: defects must be null and three of {sorted(DEFECTS)}")
    return problems


def shared_ngrams(groups: list[dict], size: int = 8) -> list[str]:
    """Word n-grams that stand in two responses, anywhere in the set."""
    first: dict[tuple[str, ...], str] = {}
    shared = []
    for g in groups:
        for rank, response in enumerate(g["responses"]):
            here = f"{g['id']}[{rank}]"
            for gram in ngrams(response, size):
                if first.setdefault(gram, here) != here:
                    shared.append(f"{first[gram]} and {here} share: {' '.join(gram)}")
    return shared


def longer_wins(groups: list[dict]) -> float:
    """Share of pairs whose better response has more characters; a tie counts one half."""
    outcomes = [
        0.5 if len(a) == len(b) else float(len(a) > len(b))
        for g in groups
        for a, b in combinations(g["responses"], 2)
    ]
    return sum(outcomes) / len(outcomes)


def main() -> int:
    files = [Path(a) for a in sys.argv[1:]] or sorted(Path(__file__).parent.glob("*.jsonl"))
    groups = read_groups(files)
    defects = Counter(d for g in groups for d in g["defects"][1:])
    problems = shape_problems(groups) + shared_ngrams(groups)
    longer, (worst, count) = longer_wins(groups), defects.most_common(1)[0]
    share = count / defects.total()
    lengths = [sum(len(g["responses"][r]) for g in groups) / len(groups) for r in range(4)]
    print(f"prompts               {len(groups)} in {len(files)} topics")
    print(f"longer response wins  {longer:.3f} of pairs (0.45 to 0.55)")
    print(f"mean characters       {' '.join(f'{n:.0f}' for n in lengths)} (best to worst)")
    shares = ", ".join(f"{d} {n / defects.total():.3f}" for d, n in defects.most_common())
    print(f"defects               {shares}")
    if not 0.45 <= longer <= 0.55:
        problems.append(f"the longer response wins in {longer:.3f} of pairs")
    if share > 0.20:
        problems.append(f"{worst} is {share:.3f} of all defects, over 0.20")
    print(
        "\n".join(problems) or "no two responses share 8 words in a row; every row is well formed"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
