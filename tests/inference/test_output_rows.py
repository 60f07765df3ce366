"""Lines of a job: every row can be written, results are of this run, and the counts add up."""

import datetime
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlx_reward.inference.jobs import run_job
from mlx_reward.inference.label import Filters, label_rows
from mlx_reward.inference.output_rows import Counts, Output, json_line, unusable
from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.inference.score import rank_rows, score_rows
from mlx_reward.utils.errors import InputError

PLAIN = {"prompt": "q", "response": "a"}
SEVERAL = {"prompt": "q", "responses": ["a", "bb", "a much longer answer"]}


@pytest.fixture(scope="module")
def model(checkpoints: Path) -> RewardModel:
    return RewardModel.load(checkpoints / "rm_model_bt")


def scored(model: RewardModel, source: Path) -> tuple[list[dict[str, Any]], Counts]:
    target = source.with_suffix(".out")
    counts = run_job(str(source), str(target), lambda rows: Output(score_rows(model, rows)), "m")
    return [json.loads(line) for line in target.read_text().splitlines()], counts


@pytest.mark.parametrize(
    ("odd", "text"),
    [
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("1e999", "Infinity"),
        ('"\\ud800"', "\\ud800"),
        ('[{"deep": NaN}]', [{"deep": "NaN"}]),
    ],
)
def test_an_odd_value_beside_the_texts_stops_nobody(
    tmp_path: Path, model: RewardModel, odd: str, text: Any
) -> None:
    """One of them ended the whole job, and every later run of it."""
    source = tmp_path / "rows.jsonl"
    plain = json.dumps(PLAIN)
    source.write_text(f'{plain}\n{plain[:-1]}, "note": {odd}}}\n{plain}\n')
    rows, counts = scored(model, source)
    assert [row["reward"] for row in rows] == pytest.approx([rows[0]["reward"]] * 3)
    assert (counts.read, counts.written, counts.unusable, counts.as_text) == (3, 3, 0, 1)
    assert rows[1]["note"] == text


def test_a_field_set_twice_makes_its_row_unusable(tmp_path: Path, model: RewardModel) -> None:
    source = tmp_path / "rows.jsonl"
    odd = '{"id": 2, "prompt": "q", "response": "a", "x": {"y": 1, "y": 2}}'
    source.write_text(f"{json.dumps(PLAIN)}\n{odd}\n{json.dumps(PLAIN)}\n")
    rows, counts = scored(model, source)
    assert ["reward" in row for row in rows] == [True, False, True]
    assert rows[1]["error"] == "field 'y' is set twice"
    assert rows[1]["id"] == 2
    assert counts.unusable == 1


def test_parquet_holds_what_json_does_not(tmp_path: Path, model: RewardModel) -> None:
    columns: dict[str, list[Any]] = {
        "prompt": ["q"],
        "response": ["a"],
        "when": [datetime.datetime(2024, 1, 2)],
        "raw": [b"x\xff"],
        "number": [float("nan")],
    }
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    (row,), counts = scored(model, tmp_path / "rows.parquet")
    assert row["reward"] == pytest.approx(model.score(["q"], ["a"])[0], abs=1e-4)
    assert (row["when"], row["raw"], row["number"]) == ("2024-01-02 00:00:00", "x\\xff", "NaN")
    assert counts.as_text == 3


def test_what_is_nested_too_deeply_is_cut() -> None:
    deep: list[Any] = []
    for _ in range(2000):
        deep = [deep]
    line, _, as_text = json_line({"id": 1, "deep": deep})
    assert json.loads(line)["id"] == 1
    assert b"(nested too deeply)" in line
    assert as_text == 1


def test_a_number_too_long_to_print_is_text() -> None:
    line, _, as_text = json_line({"n": 10**5000, "m": 10**400})
    assert json.loads(line) == {"n": hex(10**5000), "m": 10**400}
    assert as_text == 1


@pytest.mark.parametrize("error", [None, "", "of an earlier run"])
def test_a_field_error_that_a_row_brings_is_no_failure(
    tmp_path: Path, model: RewardModel, error: str | None
) -> None:
    """Such a row counted as failed; `label` and `rank` passed it on as it was."""
    source = tmp_path / "rows.jsonl"
    source.write_text(json.dumps(PLAIN | {"error": error}) + "\n")
    (row,), counts = scored(model, source)
    assert "error" not in row
    assert "reward" in row
    assert counts.unusable == 0
    (ranked,) = rank_rows(model, [SEVERAL | {"error": error}])
    assert sorted(ranked["order"]) == [0, 1, 2]
    assert label_rows(model, [SEVERAL | {"error": error}], "dpo", "worst", Filters(0.0)).rows


@pytest.mark.parametrize("results", [["x", "y"], [1.0], None, 7, {}])
def test_results_of_an_earlier_run_are_replaced_or_removed(
    model: RewardModel, results: Any
) -> None:
    """They crashed `rank` and `label`, or were taken for results of this run."""
    old = {"rewards": results, "uncertainties": results, "order": results, "probability": results}
    (ranked,) = rank_rows(model, [SEVERAL | old])
    assert ranked == rank_rows(model, [dict(SEVERAL)])[0]
    for job in (rank_rows, score_rows):
        (row,) = job(model, [PLAIN | old])
        assert not set(old) & set(row)
    assert "error" in label_rows(model, [PLAIN | old], "dpo", "all", Filters()).rows[0]
    assert label_rows(model, [SEVERAL | old], "dpo", "all", Filters(0.0)) == label_rows(
        model, [dict(SEVERAL)], "dpo", "all", Filters(0.0)
    )


def test_what_label_leaves_out_is_counted(model: RewardModel) -> None:
    """`--max-length-ratio 2` removed half of the pairs without a word."""
    rows = [dict(SEVERAL), {"prompt": "q", "responses": ["a", "a"]}, dict(PLAIN)]
    every = label_rows(model, [dict(row) for row in rows], "dpo", "all", Filters(0.0))
    output = label_rows(model, rows, "dpo", "all", Filters(0.0, max_length_ratio=2.0))
    dropped = len(every.rows) - len(output.rows)
    assert dropped > 0
    assert output.left_out == Counter(
        {"pairs beyond --max-length-ratio": dropped, "rows without two different responses": 1}
    )
    counts = Counts()
    counts.add(3, output)
    counts.add(1, Output([unusable({}, "no")], Counter({"pairs beyond --max-length-ratio": 1})))
    assert str(counts) == (
        f"4 rows read, {len(output.rows) + 1} written; "
        f"pairs beyond --max-length-ratio left out: {dropped + 1}; "
        "rows without two different responses left out: 1; "
        "2 rows could not be used and came out with the field 'error'"
    )


def test_a_bound_that_is_no_number_is_refused() -> None:
    """No pair was at least NaN, so that nothing was left, without a word."""
    for name in ("min_probability", "max_uncertainty", "max_length_ratio"):
        with pytest.raises(InputError, match=f"{name} is nan: not a number"):
            Filters(**{name: float("nan")})


@pytest.mark.parametrize("penalty", [float("nan"), float("inf"), 1e308, -1.0, 1e6 + 1])
def test_a_penalty_that_is_no_sensible_number_is_refused(
    model: RewardModel, penalty: float
) -> None:
    line = "uncertainty_penalty is .*: not a number from 0 to 1,000,000"
    with pytest.raises(InputError, match=line):
        model.score(["q"], ["a"], uncertainty_penalty=penalty)
    with pytest.raises(InputError, match=line):
        model.rank("q", ["a"], uncertainty_penalty=penalty)
    with pytest.raises(InputError, match=line):
        score_rows(model, [PLAIN], uncertainty_penalty=penalty)


def test_a_reward_that_is_no_number_is_an_error(
    model: RewardModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text that overflows the arithmetic of a device, among others that do not."""
    score = model.scores

    def overflowing(texts: Any) -> Any:
        scores = score(texts)
        scores.rewards[-1] = float("inf")
        return scores

    monkeypatch.setattr(model, "scores", overflowing)
    first, second = score_rows(model, [PLAIN, PLAIN])
    assert "reward" in first
    assert second == PLAIN | {"error": "the model's reward for this text is no finite number"}
    with pytest.raises(InputError, match="no finite reward"):
        model.score(["q", "q"], ["a", "bb"])
