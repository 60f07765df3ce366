"""The report as a page: complete, safe with whatever is in the data, and usable in a browser."""

import html
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from mlx_reward.data.pair import Pair
from mlx_reward.evaluation.gate import Verdict
from mlx_reward.report.page import ReportData, page

NASTY = (
    '<script>alert(1)</script> & "quoted" <!-- script --> </script> \u2028 '
    "<img src=x onerror=alert(2)>"
)
VERDICT = Verdict(shortfalls=["accuracy 0.7000 is too low"], power=["accuracy: a model clears it"])
ENDS = (("", 0.0), ("_low", -0.1), ("_high", 0.1))
METRICS: dict[str, Any] = {
    **{f"{name}{end}": 0.7 + shift for name in ("accuracy", "nll", "brier") for end, shift in ENDS},
    **{"ece": 0.054, "ece_null_mean": 0.055, "ece_null_95": 0.075, "ece_debiased": 0.0},
    **{"pairs": 6, "longer_wins_accuracy": 0.5, "bag_of_words_accuracy": 0.6, "spearman": None},
}


def report(count: int = 6, **changes: Any) -> ReportData:
    pairs = [
        Pair(
            prompt=f"question {n} {NASTY}",
            chosen=f"chosen {n} {NASTY}",
            rejected=f"{n % 90 * 'x'} {NASTY}",
            id=f"p{n}",
        )
        for n in range(count)
    ]
    rewards = [
        {
            "id": p.id,
            "subset": NASTY if n % 2 else "even",
            "reward_chosen": n / count,
            "reward_rejected": 0.5,
        }
        | {"logit": n / count - 0.5}
        for n, p in enumerate(pairs)
    ]
    row = {
        "confidence": 0.6,
        "share_correct": 0.7,
        "margin": 1,
        "pairs": 3,
        "coverage": 1,
        "accuracy": 0.7,
        "step": 1,
    }
    row |= {
        "loss": 0.6,
        "nll": 0.6,
        "subset": NASTY,
        "defect": NASTY,
        "low": 0.5,
        "high": 0.9,
        "ece": 0.1,
    }
    names = (
        "reliability_before",
        "reliability_after",
        "margins",
        "coverage",
        "subset_accuracy",
        "defect_accuracy",
        "train",
        "valid",
    )
    whole = {
        "metrics": METRICS,
        "plots": {name: [row] for name in names},
        "pairs": pairs,
        "rewards": rewards,
        "probes": {"padding": {"fooled": 0.5, "fooled_low": 0.1, "fooled_high": 0.9, "probes": 4}},
        "examples": [
            {
                "probe": "padding",
                "pair": "p1",
                "prompt": NASTY,
                "better": NASTY,
                "worse": NASTY,
                "gain": 0.5,
            }
        ],
        "benchmarks": {
            "others": {"kind": "pairs", "questions": 3, "accuracy": 0.5, "subsets": {NASTY: 0.5}}
        },
        "data": [{"rows": 3, "note": NASTY}],
        "verdict": VERDICT,
        "earlier": {p.id: 0.1 for p in pairs},
    }
    return ReportData(**(whole | changes))


class Elements(HTMLParser):
    """Every element of a page that can run or load something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_texts_of_the_data_stay_text() -> None:
    elements = Elements(page(report())).found
    assert [attrs.get("type") for tag, attrs in elements if tag == "script"] == [
        "application/json",
        None,
    ]
    assert not [
        tag
        for tag, attrs in elements
        if tag == "img" or any(name.startswith("onerror") for name in attrs)
    ]


def test_nothing_is_loaded_from_elsewhere() -> None:
    for _, attrs in Elements(page(report())).found:
        for name in ("src", "href", "action"):
            assert (attrs.get(name) or "#").startswith(("#", "data:,")), attrs


def test_the_verdict_comes_first_and_says_why() -> None:
    failed = page(report())
    passed = page(report(verdict=Verdict(), warnings=["not better than length"]))
    undecided = page(report(verdict=Verdict(undecided=["too few pairs"])))
    assert re.search(r'class="verdict fail".*Gate: FAIL.*Accuracy 0.7000 is too low\.', failed)
    assert re.search(r'class="verdict pass".*Gate: PASS.*Warning: not better than length\.', passed)
    assert re.search(r'class="verdict undecided".*Gate: UNDECIDED.*Too few pairs\.', undecided)
    assert "<li>accuracy: a model clears it</li>" in failed


def test_ece_is_shown_beside_chance_or_not_at_all() -> None:
    text = page(report())
    assert "off by 0.054 on average (ECE), where chance alone makes 0.055" in text
    few = METRICS | {"ece": None, "ece_null_mean": None, "ece_null_95": None, "ece_debiased": None}
    unmeasured = page(report(metrics=few | {"accuracy_low": None, "accuracy_high": None}))
    assert "Too few pairs to tell whether its probabilities are right" in unmeasured
    assert "Right on 70.0% of 6 test pairs." in unmeasured


def test_what_the_judges_did_not_decide_is_counted_beside_the_accuracy() -> None:
    text = page(report(data=[{"ties": 1200, "contradictions": 3}]))
    assert "called 1,200 pairs a tie and contradicted one another on 3." in text
    assert "judges" not in page(report(data=[{"ties": 0, "contradictions": 0}]))


def test_metrics_that_were_not_computed_say_so() -> None:
    text = html.unescape(page(report()))
    assert "Spearman's rank correlation in a prompt</th><td>not computed" in text


def test_every_pair_is_in_the_page_with_its_texts() -> None:
    text = page(report())
    rows = json.loads(re.search(r'id="pairs-data">(.*?)</script>', text, re.S)[1])  # type: ignore[index]  # or it fails
    assert [row["id"] for row in rows] == [f"p{n}" for n in range(6)]
    assert rows[3]["chosen"] == f"chosen 3 {NASTY}"


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """A page of 10,000 pairs, opened from disk; errors on its console fail the test."""
    (tmp_path / "report.html").write_text(page(report(10_000)), encoding="utf-8")
    tab = browser.new_page(viewport={"width": 390, "height": 800})
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on(
        "console", lambda message: errors.append(message.text) if message.type == "error" else None
    )
    tab.on("dialog", lambda dialog: errors.append(dialog.message))
    tab.goto((tmp_path / "report.html").as_uri())
    yield tab
    assert errors == []
    tab.close()


def test_ten_thousand_pairs_can_be_searched_sorted_and_paged(opened: Any) -> None:
    assert opened.inner_text("#count") == "10000 of 10000 pairs"
    assert opened.locator("#rows details").count() == 50
    opened.fill("#search", "question 4321 ")
    assert opened.inner_text("#count") == "1 of 10000 pairs"
    opened.click("#rows summary")
    opened.wait_for_selector("#rows pre")
    assert (
        opened.locator("#rows pre")
        .nth(1)
        .inner_text()
        .startswith("chosen 4321 <script>alert(1)</script>")
    )
    opened.fill("#search", "")
    opened.select_option("#filter", "wrong")
    assert opened.inner_text("#count") == "5001 of 10000 pairs"  # a tie is not right
    opened.select_option("#filter", "flipped")
    opened.select_option("#subset", "even")
    assert opened.inner_text("#count") == "2501 of 10000 pairs"
    assert "p0 " in opened.locator("#rows summary").first.inner_text()  # the most confident mistake
    opened.click("#next")
    assert opened.inner_text("#place") == "page 2 of 51"


def test_it_fits_a_phone_and_can_be_used_from_the_keyboard(opened: Any) -> None:
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    opened.focus("#next")
    opened.keyboard.press("Enter")
    assert opened.inner_text("#place") == "page 2 of 200"
    opened.focus("#rows details:first-child summary")
    opened.keyboard.press("Enter")
    opened.wait_for_selector("#rows details[open] pre")
    assert opened.locator("#rows details[open] pre").count() == 3


def test_searching_ten_thousand_pairs_is_prompt(opened: Any) -> None:
    """Half a second is far beyond what it takes, and about where it would begin to feel slow."""
    spent = opened.evaluate(
        """() => { const box = document.getElementById("search"), start = performance.now();
        for (const word of ["q", "qu", "question", "question 77"]) {
          box.value = word;
          box.dispatchEvent(new Event("input"));
        }
        return (performance.now() - start) / 4; }"""
    )
    assert spent < 500
