"""`mlx-reward score` and `rank`: rows in order, bad ones told, and a killed job that ends as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mlx_reward.data.formats.row import BadRow
from mlx_reward.inference import jobs
from mlx_reward.inference.jobs import run_job
from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.inference.score import rank_rows, score_rows
from tests import ROOT

ROWS: list[dict[str, Any]] = [
    {"id": 1, "prompt": "q", "response": "a"},
    {"id": 2, "prompt": "q", "responses": ["a", "bb", "ccc"]},
    {
        "id": 3,
        "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
    },
    {"id": 4, "prompt": "q", "chosen": "a", "rejected": "bb"},
    {"id": 5, "prompt": "q"},
    {"id": 6, "prompt": "q", "response": ""},
]


@pytest.fixture(scope="module")
def model(checkpoints: Path) -> RewardModel:
    return RewardModel.load(checkpoints / "rm_model_bt")


def test_every_shape_of_row_is_scored_alike(model: RewardModel) -> None:
    one, several, messages, pair, missing, empty = score_rows(model, list(ROWS))
    rewards = model.score(["q"] * 3, ["a", "bb", "ccc"])
    assert [one["reward"], messages["reward"]] == pytest.approx([rewards[0]] * 2, abs=1e-4)
    assert several["rewards"] == pytest.approx(list(rewards), abs=1e-4)
    assert pair["probability"] == pytest.approx(model.compare("q", "a", "bb"), abs=1e-4)
    assert missing["error"].startswith(
        "field 'response' is missing; a row needs prompt and response"
    )
    assert empty == ROWS[5] | {"error": "field 'response' is empty"}
    assert score_rows(model, [BadRow("not JSON")]) == [{"error": "not JSON"}]


def test_ranking_sorts_responses_with_their_rewards(model: RewardModel) -> None:
    (row,) = rank_rows(model, [ROWS[1]])
    assert row["rewards"] == sorted(row["rewards"], reverse=True)
    assert [ROWS[1]["responses"][i] for i in row["order"]] == row["responses"]
    assert "needs a list" in rank_rows(model, [ROWS[0]])[0]["error"]


def fake(rows: list[Any]) -> list[dict[str, Any]]:
    return [{"error": str(row)} if isinstance(row, BadRow) else row | {"reward": 1} for row in rows]


def write(path: Path, count: int) -> str:
    path.write_text("".join(json.dumps({"id": n}) + "\n" for n in range(count)))
    return str(path)


def test_a_job_stopped_anywhere_goes_on_and_ends_with_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "CHUNK", 10)
    source = write(tmp_path / "in.jsonl", 95)
    run_job(source, str(tmp_path / "whole.jsonl"), fake, "m")
    for stop in (0, 1, 5, 9):
        calls = []

        def stopping(
            rows: list[Any], calls: list[int] = calls, stop: int = stop
        ) -> list[dict[str, Any]]:
            calls.append(len(rows))
            if len(calls) > stop:
                raise KeyboardInterrupt
            return fake(rows)

        with pytest.raises(KeyboardInterrupt):
            run_job(source, str(tmp_path / "out.jsonl"), stopping, "m")
        part = next(tmp_path.glob("out.jsonl.*.part"))
        with part.open("ab") as file:
            file.write(b'{"id": 99, "torn')  # as a kill in the middle of a write leaves it
        again: list[int] = []
        run_job(
            source,
            str(tmp_path / "out.jsonl"),
            lambda rows, again=again: again.append(len(rows)) or fake(rows),
            "m",
        )  # type: ignore[misc,func-returns-value]
        assert sum(again) == 95 - 10 * stop
        assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
        (tmp_path / "out.jsonl").unlink()


def test_another_model_or_a_changed_source_does_not_go_on_with_old_rows(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", 3)
    keys = {jobs._key(source, "a"), jobs._key(source, "b")}
    write(tmp_path / "in.jsonl", 4)
    assert len(keys | {jobs._key(source, "a")}) == 3


def test_errors_are_counted_and_rows_keep_their_order(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": 0}\nnot json\n{"id": 2}\n')
    assert run_job(str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"), fake, "m") == 1
    assert [
        json.loads(line).get("id") for line in (tmp_path / "out.jsonl").read_text().splitlines()
    ] == [0, None, 2]


def command(checkpoints: Path, *arguments: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "mlx_reward",
        *arguments,
        "--model",
        str(checkpoints / "rm_model_bt"),
    ]


def test_the_command_reads_and_writes_pipes(checkpoints: Path) -> None:
    rows = "".join(json.dumps(row) + "\n" for row in ROWS)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        command(checkpoints, "score", "-"),
        input=rows,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert answer.returncode == 0, answer.stderr
    assert [json.loads(line)["id"] for line in answer.stdout.splitlines()] == [1, 2, 3, 4, 5, 6]
    assert (
        answer.stderr.splitlines()[-1]
        == "2 rows could not be used; they came out with the field 'error'"
    )


def test_a_killed_command_ends_with_the_same_file_when_run_again(
    checkpoints: Path, tmp_path: Path
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(
        "".join(
            json.dumps({"prompt": f"q{n}", "response": "a" * (n % 90)}) + "\n" for n in range(3000)
        )
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    subprocess.run(
        command(checkpoints, "score", str(source), "-o", str(whole)), check=True, env=environment
    )
    process = subprocess.Popen(
        command(checkpoints, "score", str(source), "-o", str(out)), env=environment
    )
    deadline = time.monotonic() + 60
    while (
        not any(p.stat().st_size for p in tmp_path.glob("out.jsonl.*.part"))
        and time.monotonic() < deadline
    ):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    subprocess.run(
        command(checkpoints, "score", str(source), "-o", str(out)), check=True, env=environment
    )
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["score", "gone.jsonl"],
            "error: gone.jsonl: not there; name a file of rows, or - for standard input",
        ),
        (["score", "x.txt"], "error: x.txt: not a file that is read here"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    checkpoints: Path, tmp_path: Path, arguments: list[str], line: str
) -> None:
    (tmp_path / "x.txt").write_text("x")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        command(checkpoints, *arguments),
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    assert answer.returncode == 1
    assert answer.stderr.startswith(line)
    assert len(answer.stderr.splitlines()) == 1
