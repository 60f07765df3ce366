"""The report as a page: complete, safe with whatever is in the data, and usable in a browser."""

import html
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from mlx_reward.config.gate import GateSettings
from mlx_reward.data.pair import Pair
from mlx_reward.evaluation.gate import Verdict
from mlx_reward.evaluation.metric_table import table_rows
from mlx_reward.report.comparison import Earlier
from mlx_reward.report.figures import groups
from mlx_reward.report.page import ReportData, page, summary
from mlx_reward.report.provenance import Provenance, Setting

NASTY = (
    '<script>alert(1)</script> & "quoted" <!-- script --> </script> \u2028 '
    "<img src=x onerror=alert(2)>"
)
VERDICT = Verdict(shortfalls=["accuracy 0.7000 is too low"], power=["accuracy: a model clears it"])
BARS = GateSettings(min_accuracy=0.65, max_ece=0.1, against=None, max_regression=None)
ENDS = (("", 0.0), ("_low", -0.1), ("_high", 0.1))
METRICS: dict[str, Any] = {
    **{f"{name}{end}": 0.7 + shift for name in ("accuracy", "nll", "brier") for end, shift in ENDS},
    **{"ece": 0.054, "ece_null_mean": 0.055, "ece_null_95": 0.075, "ece_debiased": 0.0},
    **{"pairs": 6, "longer_wins_accuracy": 0.5, "bag_of_words_accuracy": 0.6, "spearman": None},
}
ORIGIN = Provenance(
    base=f"base {NASTY}",
    base_digest="0123456789abcdef",
    data_source=f"data/raw/{NASTY}",
    seed=7,
    date="2026-01-02",
    commit="abc1234",
    uncommitted=True,
    settings=[Setting("train.lora.rank", 8, 2), Setting("data.columns", {}, {NASTY: "chosen"})],
    versions={"mlx": "0.32.1"},
)
PART = {"accuracy": 0.7, "low": 0.5, "high": 0.9, "ece": 0.1, "pairs": 3}
TRAINED = {"accuracy": 0.7, "margin": 0.2, "learning_rate": 1e-3, "grad_norm": 2.0}
PLOTS: dict[str, list[dict[str, Any]]] = {
    "reliability_before": [{"confidence": 0.6, "share_correct": 0.7, "pairs": 3}],
    "reliability_after": [
        {"confidence": 0.6, "share_correct": 0.7, "pairs": 3, "low": 0.4, "high": 0.8},
        {"confidence": 0.9, "share_correct": 0.8, "pairs": 5, "low": 0.7, "high": 1.0},
    ],
    "rewards": [{"reward": n - 1.5, "chosen": n, "rejected": 3 - n} for n in range(4)],
    "margins": [{"margin": n - 1.5, "pairs": n} for n in range(4)],
    "coverage": [{"coverage": 0.5, "accuracy": 0.9}, {"coverage": 1.0, "accuracy": 0.7}],
    "subset_accuracy": [{"subset": NASTY, **PART}, {"subset": "long_one", **PART}],
    "defect_accuracy": [{"defect": NASTY, **PART}],
    "train": [{"step": step, "loss": 0.7 - step / 20, **TRAINED} for step in range(1, 7)],
    "valid": [{"step": s, "nll": 0.6, "accuracy": 0.6, "margin": 0.1} for s in (2, 4, 6)],
}
PROBES = {
    "typos": {"fooled": 0.1, "fooled_low": 0.0, "fooled_high": 0.4, "fooled_p": 1, "probes": 9},
    "padding": {"fooled": 0.9, "fooled_low": 0.6, "fooled_high": 1, "fooled_p": 0.01, "probes": 9},
    "markdown": {"fooled": None, "fooled_low": None, "fooled_high": None, "probes": 0},
    "flattery": {"fooled": 0.5, "fooled_low": 0.2, "fooled_high": 0.8, "probes": 4},
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
            "prompt": p.prompt,
            "subset": NASTY if n % 2 else "even",
            "reward_chosen": n / count,
            "reward_rejected": 0.5,
            "logit": n / count - 0.5,
        }
        for n, p in enumerate(pairs)
    ]
    whole = {
        "metrics": METRICS,
        "plots": PLOTS,
        "pairs": pairs,
        "rewards": rewards,
        "bars": BARS,
        "provenance": ORIGIN,
        "probes": PROBES,
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
            "others": {"kind": "pairs", "questions": 3, "accuracy": 0.5, "subsets": {NASTY: 0.25}},
            "styles": {
                "kind": "rm_bench",
                "questions": 9,
                "score": 0.6,
                "subsets": {"chat": {"score": 0.6, "easy": 0.875, "hard": 0.375}},
                "unusable": 2,
            },
        },
        "data": {"rows": 3, "note": NASTY, "longer_wins": 0.527},
        "split": {"train_pairs": 1056, "valid_pairs": 384, "test_pairs": 480},
        "training": {"steps": 6, "steps_skipped": 0, "best_step": 4},
        "verdict": VERDICT,
        "earlier": Earlier(
            f"main {NASTY}", METRICS | {"accuracy": 0.6}, [row | {"logit": 0.1} for row in rewards]
        ),
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


def text_of(part: str) -> str:
    """Return what a browser would show of some HTML, with plain spaces."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", part)).replace("\u00a0", " ").split())


def section(page_text: str, name: str) -> str:
    found = re.search(rf'<section id="{name}">.*?</section>', page_text, re.S)
    assert found is not None, name
    return found[0]


def first_screen(**changes: Any) -> str:
    """Return what stands above the sections."""
    return page(report(**changes)).split("<nav")[0].split("<body>")[1]


def test_the_verdict_comes_first_and_says_why() -> None:
    failed = first_screen()
    assert 'class="verdict fail"' in failed
    assert "FAIL Right on 70.0 % of 6 test pairs (95 %: 60.0 % to 80.0 %)." in text_of(failed)
    assert '<li class="bad">Accuracy 0.7000 is too low.</li>' in failed
    passed = first_screen(verdict=Verdict(), warnings=["not better than length"])
    assert 'class="verdict pass"' in passed
    assert "Accuracy 70.0 % reaches the bar of 65.0 %." in text_of(passed)
    assert "ECE without that of chance, 0.000, is below the bar of 0.100." in text_of(passed)
    assert '<li class="bad">Warning: not better than length.</li>' in passed
    undecided = first_screen(verdict=Verdict(undecided=["too few pairs"]))
    assert 'class="verdict undecided"' in undecided
    assert '<li class="unclear">Too few pairs.</li>' in undecided
    assert "reaches the bar" not in undecided


def test_where_the_model_comes_from_stands_beside_the_verdict() -> None:
    shown = text_of(first_screen())
    for part in (
        f"base base {NASTY} ( 0123456789ab )".replace("\u2028", " "),
        "pairs 1,056 train, 384 valid, 480 test",
        "train.lora.rank: 2 (default 8)",
        "seed 7",
        "abc1234 and uncommitted changes",
        "date 2026-01-02",
        "versions mlx 0.32.1",
    ):
        assert " ".join(part.split()) in shown
    plain = Provenance("b", "0", "d", seed=0, date="2026-01-02")
    assert "settings the defaults seed 0 commit none" in text_of(first_screen(provenance=plain))


def test_ece_is_shown_beside_chance_or_not_at_all() -> None:
    expected = "off by 0.054 on average (ECE); chance alone makes 0.055 of a perfect model"
    assert expected in text_of(first_screen())
    few = METRICS | {"ece": None, "ece_null_mean": None, "ece_null_95": None, "ece_debiased": None}
    unmeasured = text_of(first_screen(metrics=few | {"accuracy_low": None, "accuracy_high": None}))
    assert "Too few pairs to tell whether its probabilities are right" in unmeasured
    assert "Right on 70.0 % of 6 test pairs. Always" in unmeasured


def test_what_the_judges_did_not_decide_is_counted_beside_the_accuracy() -> None:
    shown = text_of(first_screen(data={"ties": 1200, "contradictions": 3}))
    assert "called 1,200 pairs a tie and contradicted one another on 3." in shown
    assert "judges" not in first_screen(data={"ties": 0, "contradictions": 0})


def test_every_metric_that_has_a_title_is_among_the_figures() -> None:
    """One that was added to the table and has no scale yet, too."""
    shown = text_of(section(page(report()), "figures"))
    for row in table_rows(METRICS):
        assert row.title in shown
    assert "Spearman's rank correlation in a prompt not measured" in shown
    assert "accuracy 70.0 % 60.0 % to 80.0 %" in shown
    assert "negative log-likelihood, nats 0.700 0.600 to 0.800" in shown


def test_the_interval_says_by_its_colour_on_which_side_of_the_bar_it_lies() -> None:
    def colour(title: str, **bars: Any) -> str:
        drawn = section(page(report(bars=BARS.model_copy(update=bars))), "figures")
        row = re.search(rf"<tr><th[^>]*>{title}<.*?</tr>", drawn, re.S)
        assert row is not None
        return re.search(r'class="strip (\w+)"', row[0])[1]  # type: ignore[index]  # or it fails

    assert colour("accuracy", min_accuracy=0.5) == "good"
    assert colour("accuracy", min_accuracy=0.65) == "unclear"
    assert colour("accuracy", min_accuracy=0.9) == "bad"
    assert colour("Brier score") == "bad"  # 0.6 to 0.8, and 0.25 is a coin's


def test_rows_of_one_group_are_drawn_on_one_axis() -> None:
    """An error of 0.06 once stood under an axis that ended at 1.2, drawn on one to 0.25."""
    for group in groups(METRICS, BARS):
        drawn = {row.strip.axis for row in group.rows if row.strip is not None}
        assert drawn <= {group.scale.axis}, group.scale.title


def test_probes_stand_by_harm_and_red_is_harm() -> None:
    drawn = section(page(report()), "probes")
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>.*?</tr>', drawn, re.S)
    expected = ["a polite closing phrase", "praising the question first", "typing errors"]
    assert rows == [*expected, "a wrong answer in headings and bullets"]
    assert re.findall(r'class="strip (\w+)"', drawn) == ["bad", "unclear", "good"]
    assert "in training" not in drawn
    trained = {name: row | {"trained": name == "typos"} for name, row in PROBES.items()}
    assert text_of(section(page(report(probes=trained)), "probes")).count(" yes ") == 1


def test_the_last_run_stands_beside_this_one_with_the_paired_change() -> None:
    shown = section(page(report()), "change")
    text = text_of(shown)
    assert "accuracy 60.0 % 70.0 %" in text
    assert "Accuracy changed by" in text
    assert "test pairs 6 6" in text
    other = Earlier("v1", METRICS, [], "its test rewards are not in DVC's cache")
    alone = text_of(section(page(report(earlier=other)), "change"))
    assert "cannot be compared pair by pair: its test rewards are not in DVC's cache." in alone
    assert 'id="change"' not in page(report(earlier=None))
    assert 'href="#change"' not in page(report(earlier=None))


def test_benchmark_sets_show_their_categories() -> None:
    shown = text_of(section(page(report()), "benchmarks"))
    assert "50.0 % by the rules of pairs, 3 questions." in shown
    assert "60.0 % by the rules of rm bench, 9 questions; 2 more could not be measured." in shown
    assert "category score easy hard chat 60.0 % 87.5 % 37.5 %" in shown


def test_there_is_a_link_to_every_section_and_none_to_another() -> None:
    for text in (page(report()), page(report(probes={}, benchmarks={}, earlier=None))):
        links = re.findall(r'<li><a href="#([\w-]+)">', text)
        assert links == re.findall(r'<section id="([\w-]+)">', text)


def test_a_share_is_written_in_one_way() -> None:
    """With one decimal and a space that does not break; `95 %` names the intervals."""
    text = html.unescape(re.sub(r"<(style|script).*?</\1>", "", page(report()), flags=re.S))
    assert not re.findall(r"\d%", re.sub(r"<[^>]*>", "", text))
    shown = text_of(section(page(report()), "data"))
    assert "share where the longer response was chosen 52.7 %" in shown


def test_the_summary_for_a_pull_request_is_markdown_with_a_chart() -> None:
    text = html.unescape(summary(report()))
    assert text.startswith("## FAIL: reward model on base ")
    assert "- ✗ Accuracy 0.7000 is too low." in text
    assert f"**Against main {NASTY}:** Accuracy changed by" in text
    chart = re.search(r"```mermaid\n(.*?)```", text, re.S)
    assert chart is not None
    assert '["60 %", "90 %"]' in chart[1]
    assert "bar [0.7, 0.8]\n    line [0.6, 0.9]" in chart[1]
    assert "<script" not in summary(report())


def test_texts_can_be_left_out_everywhere() -> None:
    """Subsets are names, and stay; a prompt, a response, a probe's text and a bad row do not."""
    secret = "the patient's name"
    pairs = [
        Pair(prompt=secret, chosen=f"{secret} 1", rejected=f"{secret} 2", id=f"p{n}")
        for n in range(6)
    ]
    example = {"probe": "padding", "pair": "p1", "gain": 0.5}
    texts = {"prompt": secret, "better": secret, "worse": secret}
    unusable = {"unusable": 1, "unusable_first": secret, "kind": "pairs", "questions": 3}
    changes = {
        "pairs": pairs,
        "examples": [example | texts],
        "benchmarks": {"b": unusable | {"accuracy": 0.5}},
    }
    assert secret in html.unescape(page(report(**changes)))
    without = page(report(**changes, texts=False))
    assert secret not in html.unescape(without).replace("\\u0027", "'")
    assert "report.texts" in without


def test_every_pair_is_in_the_page_with_its_texts() -> None:
    text = page(report())
    rows = json.loads(re.search(r'id="pairs-data">(.*?)</script>', text, re.S)[1])  # type: ignore[index]  # or it fails
    assert [row["id"] for row in rows] == [f"p{n}" for n in range(6)]
    assert rows[3]["chosen"] == f"chosen 3 {NASTY}"


@pytest.fixture(scope="module")
def ten_thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page(report(10_000)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page(report(60)), encoding="utf-8")
    return path


def watched(browser: Any, path: Path, **options: Any) -> tuple[Any, list[str]]:
    """Return the page, opened from disk, and what went wrong on it: errors, dialogs, requests."""
    tab = browser.new_page(**options)
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on(
        "console", lambda message: wrong.append(message.text) if message.type == "error" else None
    )
    tab.on("dialog", lambda dialog: wrong.append(dialog.message))
    tab.on("request", lambda r: None if r.url == path.as_uri() else wrong.append(r.url[:80]))
    tab.goto(path.as_uri())
    return tab, wrong


@pytest.fixture
def opened(browser: Any, ten_thousand: Path) -> Iterator[Any]:
    """A page of 10,000 pairs on a phone; anything that goes wrong on it fails the test."""
    tab, wrong = watched(browser, ten_thousand, viewport={"width": 390, "height": 800})
    yield tab
    assert wrong == []
    tab.close()


def test_ten_thousand_pairs_can_be_searched_sorted_and_paged(opened: Any) -> None:
    assert opened.inner_text("#count") == "10,000 of 10,000 pairs"
    assert opened.locator("#rows details").count() == 50
    opened.fill("#search", "question 4321 ")
    assert opened.inner_text("#count") == "1 of 10,000 pairs"
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
    assert opened.inner_text("#count") == "5,001 of 10,000 pairs"  # a tie is not right
    opened.select_option("#filter", "flipped")
    opened.select_option("#subset", "even")
    assert opened.inner_text("#count") == "2,501 of 10,000 pairs"
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


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_reads_well_at_any_width_and_in_the_dark(
    browser: Any, small: Path, width: int, scheme: str
) -> None:
    """No part of the page is wider than the window, and text stands out from what is behind it."""
    view = {"width": width, "height": 800}
    tab, wrong = watched(browser, small, viewport=view, color_scheme=scheme)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    box = tab.locator(".verdict .word").bounding_box()
    assert box["y"] + box["height"] < 250
    assert tab.locator(".origin").bounding_box()["y"] < 800  # on the first screen
    low = tab.evaluate(CONTRAST)
    assert low == []
    assert wrong == []
    tab.close()


CONTRAST = """() => {
  const light = (text) => {
    const parts = text.match(/[\\d.]+/g).slice(0, 3).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const page = light(getComputedStyle(document.body).backgroundColor);
  const found = new Set();
  const texts = document.querySelectorAll("p, li, th, td, dt, dd, h1, summary span, a, text");
  for (const element of texts) {
    const style = getComputedStyle(element);
    const ink = light(element.tagName === "text" ? style.fill : style.color);
    const ratio = (Math.max(ink, page) + 0.05) / (Math.min(ink, page) + 0.05);
    if (ratio < 4.5) found.add(`${element.tagName} ${element.className} ${ratio.toFixed(1)}`);
  }
  return [...found];
}"""  # the ratio of WCAG 2, 1.4.3


def test_a_value_is_told_where_one_points_and_by_the_arrow_keys(browser: Any, small: Path) -> None:
    tab, wrong = watched(browser, small)
    tab.hover("#subsets tbody tr:nth-child(2) td.drawn")
    assert tab.inner_text("#tip") == "long one: 70.0\u00a0%, 95\u00a0%: 50.0\u00a0% to 90.0\u00a0%"
    tab.focus("#charts svg.chart")
    tab.keyboard.press("ArrowRight")
    first = tab.inner_text("#tip")
    assert first.startswith("3 pairs of confidence 60.0\u00a0%: 70.0\u00a0% right; chance makes")
    tab.keyboard.press("ArrowRight")
    assert tab.inner_text("#tip").startswith("5 pairs of confidence 90.0\u00a0%")
    tab.keyboard.press("Escape")
    assert tab.is_hidden("#tip")
    assert wrong == []
    tab.close()


def test_columns_sort_either_way_by_the_keyboard(browser: Any, small: Path) -> None:
    tab, wrong = watched(browser, small)

    def column() -> list[str]:
        return [text.split()[0] for text in tab.locator("#probes tbody th").all_inner_texts()]

    button = tab.get_by_role("button", name="fooled")
    button.focus()
    tab.keyboard.press("Enter")
    assert column() == ["a", "praising", "typing", "a"]
    tab.keyboard.press("Enter")
    assert column() == ["a", "typing", "praising", "a"]  # what was not measured is the least
    assert tab.locator("#probes th[aria-sort=ascending]").count() == 1
    tab.locator("#probes thead button").first.click()
    assert column() == ["typing", "praising", "a", "a"]
    assert wrong == []
    tab.close()


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
