"""Two runs on the same pairs: a real difference is told from noise."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mlx_reward.evaluation.paired import compare_rows, compare_runs
from mlx_reward.utils.errors import InputError


def rows(logits: np.ndarray) -> list[dict[str, object]]:
    return [
        {"id": str(n), "prompt": f"p{n // 3}", "subset": "s", "logit": float(x)}
        for n, x in enumerate(logits)
    ]


def write(path: Path, logits: np.ndarray) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(logits)))
    return path


def test_noise_is_not_taken_for_progress_and_progress_is_seen() -> None:
    rng, alarms = np.random.default_rng(0), 0
    for _ in range(20):
        old = rng.normal(0.8, 1, 300)
        noise = compare_rows(rows(old), rows(rng.permutation(old)))  # as accurate, in other places
        assert noise.change == 0
        worse = compare_rows(rows(old), rows(old + rng.normal(0, 0.2, 300)))
        alarms += worse.p < 0.05
    assert alarms <= 4
    better = compare_rows(rows(old), rows(old + 0.5))
    assert better.low is not None
    assert better.high is not None
    assert 0 < better.low < better.change < better.high
    assert better.p < 1e-6
    assert not better.lost


def test_flipped_pairs_are_named(tmp_path: Path) -> None:
    old, new = (
        write(tmp_path / "old.jsonl", np.array([1.0, -1.0, 2.0])),
        write(tmp_path / "new.jsonl", np.array([-1.0, 1.0, 2.0])),
    )
    found = compare_runs(old, new)
    assert ([r["id"] for r in found.gained], [r["id"] for r in found.lost], found.change) == (
        ["1"],
        ["0"],
        0.0,
    )
    command = [sys.executable, "-m", "mlx_reward", "compare", str(old), str(new)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (
        answer.stdout.splitlines()[-1] == "1 gained, 1 lost, p 1.000 by sign flips of whole prompts"
    )


def test_other_pairs_cannot_be_compared(tmp_path: Path) -> None:
    old, new = write(tmp_path / "old.jsonl", np.ones(3)), write(tmp_path / "new.jsonl", np.ones(4))
    with pytest.raises(InputError, match="not the same test pairs"):
        compare_runs(old, new)
    with pytest.raises(InputError, match="gone.jsonl: not there"):
        compare_runs(tmp_path / "gone.jsonl", new)


def clustered(logits: np.ndarray, pairs: int) -> list[dict[str, object]]:
    return [row | {"cluster": f"c{n // pairs}"} for n, row in enumerate(rows(logits))]


def test_the_cluster_of_a_row_is_the_unit_and_its_prompt_without_one() -> None:
    old, new = np.repeat([1.0, -1.0], [60, 60]), np.repeat([1.0, -1.0], [90, 30])
    by_prompt = compare_rows(rows(old), rows(new))
    by_cluster = compare_rows(clustered(old, 6), clustered(new, 6))
    assert by_prompt.p == pytest.approx(2 / 2**10)  # ten prompts of three pairs turned round
    assert by_cluster.p == pytest.approx(2 / 2**5)
    assert by_prompt.low > by_cluster.low  # type: ignore[operator]
    few = compare_rows(clustered(old, 60), clustered(new, 60))
    assert (few.low, few.high, few.p) == (None, None, 1.0)


def test_runs_that_decide_alike_may_differ_elsewhere_unless_they_are_one() -> None:
    old = np.ones(60)
    same = compare_rows(rows(old), rows(old))
    alike = compare_rows(rows(old), rows(old * 2))
    assert (same.low, same.high) == (0.0, 0.0)
    assert alike.change == 0
    assert -0.2 < alike.low < 0 < alike.high < 0.2  # type: ignore[operator]


def test_subsets_are_corrected_for_their_number() -> None:
    """One of ten subsets turns round five prompts: p 1 / 16 alone, nothing among ten."""
    old, new = np.ones(150), np.ones(150)
    new[:15] = -1

    def of(logits: np.ndarray) -> list[dict[str, object]]:
        return [row | {"subset": str(n // 15)} for n, row in enumerate(rows(logits))]

    found = compare_rows(of(old), of(new)).subsets
    assert len(found) == 10
    assert (found["0"].old, found["0"].new, found["0"].pairs) == (1.0, 0.0, 15)
    assert found["0"].p == pytest.approx(10 / 16)
    assert found["1"].p == 1.0


@pytest.mark.parametrize(
    "line",
    [
        b'{"prompt": "a", "response": "b"}',
        b'{"id": "0", "prompt": "p0", "subset": "s", "logit": NaN}',
        b'{"id": "0", "prompt": "p0", "subset": "s", "logit": "1"}',
        b'{"id": "0", "prompt": ["p0"], "subset": "s", "logit": 1}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
)
def test_other_rows_and_bytes_are_one_line(tmp_path: Path, line: bytes) -> None:
    """Each was a traceback."""
    new = write(tmp_path / "new.jsonl", np.ones(1))
    (tmp_path / "old.jsonl").write_bytes(line + b"\n")
    with pytest.raises(InputError, match=r"old.jsonl, line 1: "):
        compare_runs(tmp_path / "old.jsonl", new)
