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
    assert answer.stdout.splitlines()[-1] == "1 gained, 1 lost, McNemar's exact p 1.000"


def test_other_pairs_cannot_be_compared(tmp_path: Path) -> None:
    old, new = write(tmp_path / "old.jsonl", np.ones(3)), write(tmp_path / "new.jsonl", np.ones(4))
    with pytest.raises(InputError, match="not the same test pairs"):
        compare_runs(old, new)
    with pytest.raises(InputError, match="gone.jsonl: not there"):
        compare_runs(tmp_path / "gone.jsonl", new)


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
