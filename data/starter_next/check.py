"""Check the rows beside this script against the promises of their data card (README.md).

python data/starter_next/check.py [FILE ...]
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

Row = dict[str, Any]
HELPS_LESS = (
    "incomplete",
    "vague",
    "padded",
    "ignores_constraint",
    "off_topic",
    "over_refusal",
    "sycophantic",
    "repetitive",
    "rude",
    "incoherent",
    "absurd",
)
MISLEADS = ("wrong", "outdated", "invented_source", "other_question", "overconfident")
SCORES: dict[str | None, int] = {
    None: 4,  # the best response
    "second_best": 3,
    **dict.fromkeys(HELPS_LESS, 2),
    **dict.fromkeys(MISLEADS, 1),
    "unsafe": 0,
}
NGRAM = 8  # words in a row that no two responses may share
OPENING = 3  # words that make an opening
FOLDS = 5


def read_rows(files: list[Path]) -> list[Row]:
    return [json.loads(line) for f in files for line in f.read_text(encoding="utf-8").splitlines()]


def shape_problems(rows: list[Row]) -> list[str]:
    """Return a line for each row that is malformed or whose scores do not follow the rubric."""
    counts = Counter(row["id"] for row in rows)
    problems = [f"{id_}: id used {count} times" for id_, count in counts.items() if count > 1]
    for row in rows:
        responses, scores, defects = row["responses"], row["scores"], row["defects"]
        different = len(set(responses)) == len(responses) == len(scores) == len(defects)
        if not different or len(responses) not in (4, 5):
            problems.append(f"{row['id']}: needs 4 or 5 different responses, each with its score")
        elif not set(defects) <= SCORES.keys() or [SCORES[d] for d in defects] != scores:
            problems.append(f"{row['id']}: scores do not follow from the defects")
        elif defects.count(None) != 1 or scores != sorted(scores, reverse=True):
            problems.append(f"{row['id']}: needs one best response, and the others in order")
    return problems


def shared_ngrams(rows: list[Row]) -> list[str]:
    """Return a line for each NGRAM words in a row that stand in two responses."""
    first: dict[tuple[str, ...], str] = {}
    shared = []
    for row in rows:
        for number, response in enumerate(row["responses"]):
            here = f"{row['id']}[{number}]"
            words = re.findall(r"\w+", response.lower())
            for start in range(len(words) - NGRAM + 1):
                gram = tuple(words[start : start + NGRAM])
                if first.setdefault(gram, here) != here:
                    shared.append(f"{first[gram]} and {here} share: {' '.join(gram)}")
    return shared


def shared_openings(rows: list[Row]) -> float:
    """Return the share of responses whose first OPENING words are another one's in the set."""
    texts = [response for row in rows for response in row["responses"]]
    openings = Counter(tuple(re.findall(r"\w+", text.lower())[:OPENING]) for text in texts)
    return sum(count for count in openings.values() if count > 1) / len(texts)


def pairs(row: Row) -> Iterator[tuple[int, int]]:
    """Yield (better, worse) indices of responses with different scores."""
    for better, worse in combinations(range(len(row["responses"])), 2):
        if row["scores"][better] > row["scores"][worse]:
            yield better, worse


def longer_wins(rows: list[Row]) -> float:
    """Return the share of pairs whose better response is longer; equal lengths count one half."""
    outcomes = []
    for row in rows:
        lengths = [len(response) for response in row["responses"]]
        outcomes += [float(np.sign(lengths[b] - lengths[w]) / 2 + 0.5) for b, w in pairs(row)]
    return float(np.mean(outcomes))


def style(texts: list[str]) -> np.ndarray:
    """Return (N, F) what can be seen without reading: length, punctuation, digits, markup."""
    counted = ",.!?\n`-:;('\""
    features = [
        [np.log1p(len(t)), len(t.split()), *map(t.count, counted), *_characters(t)] for t in texts
    ]
    return np.asarray(StandardScaler().fit_transform(np.array(features)))


def _characters(text: str) -> list[float]:
    ends_well = text.rstrip().endswith((".", "!", "?", "`"))
    return [sum(c.isdigit() for c in text), sum(c.isupper() for c in text), float(ends_well)]


def words(texts: list[str]) -> np.ndarray:
    """Return (N, F) a bag of the words that stand in two responses or more."""
    return np.asarray(TfidfVectorizer(min_df=2).fit_transform(texts).todense())


def predictability(rows: list[Row], features: Callable[[list[str]], np.ndarray]) -> float:
    """Return the accuracy of logistic regression on pairs of held-out rows."""
    texts = [response for row in rows for response in row["responses"]]
    vectors = features(texts)
    starts = np.cumsum([0, *(len(row["responses"]) for row in rows)])
    found = [(n, starts[n] + b, starts[n] + w) for n, row in enumerate(rows) for b, w in pairs(row)]
    row_ids, better, worse = (np.array(column) for column in zip(*found, strict=True))
    difference = vectors[better] - vectors[worse]
    right = np.zeros(len(difference))
    for fold in range(FOLDS):
        held_out = row_ids % FOLDS == fold
        seen = difference[~held_out]
        labels = np.repeat([1, 0], len(seen))
        model = LogisticRegression(C=0.5, fit_intercept=False, max_iter=1000)
        model.fit(np.vstack([seen, -seen]), labels)
        margins = model.decision_function(difference[held_out])
        right[held_out] = (margins > 0) + 0.5 * (margins == 0)
    return float(right.mean())


def main() -> int:
    files = [Path(a) for a in sys.argv[1:]] or sorted(Path(__file__).parent.glob("*.jsonl"))
    rows = read_rows(files)
    problems = shape_problems(rows) + shared_ngrams(rows)
    defects = Counter(defect for row in rows for defect in row["defects"][1:])
    shares = ", ".join(f"{d} {n / defects.total():.3f}" for d, n in defects.most_common())
    print(f"prompts                {len(rows)}, pairs {sum(len(list(pairs(r))) for r in rows)}")
    print(f"defects                {shares}")
    second = sum("second_best" in row["defects"] for row in rows) / len(rows)
    print(f"second good answer     in {second:.3f} of rows")
    print(f"shared openings        {shared_openings(rows):.3f} of responses, {OPENING} words")
    print(f"longer response wins   {longer_wins(rows):.3f} of pairs")
    print(f"length, punctuation    {predictability(rows, style):.3f} of held-out pairs predicted")
    print(f"bag of words           {predictability(rows, words):.3f} of held-out pairs predicted")
    print("\n".join(problems) or f"every row is well formed; no two share {NGRAM} words in a row")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
