"""Jobs of `mlx-reward score` and `rank`: rows keep their order, killed jobs resume."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mlx_reward.cli.main import app
from mlx_reward.data.formats.row import BadRow
from mlx_reward.inference import jobs
from mlx_reward.inference.jobs import run_job
from mlx_reward.inference.output_rows import Output, unusable
from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.inference.score import rank_rows, score_rows
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import write_jsonl
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


def test_every_shape_of_row_gets_the_same_rewards(model: RewardModel) -> None:
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


def add_reward(rows: list[Any]) -> Output:
    return Output(
        [unusable({}, str(row)) if isinstance(row, BadRow) else row | {"reward": 1} for row in rows]
    )


class InterruptedWork:
    """Adds rewards; Ctrl-C comes ``after`` so many chunks."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.chunks = 0
        self.rows = 0

    def __call__(self, rows: list[Any]) -> Output:
        if self.chunks == self.after:
            raise KeyboardInterrupt
        self.chunks += 1
        self.rows += len(rows)
        return add_reward(rows)


def write(path: Path, count: int) -> str:
    path.write_text("".join(json.dumps({"id": n}) + "\n" for n in range(count)))
    return str(path)


def test_an_interrupted_job_resumes_and_ends_with_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "CHUNK", 10)
    source = write(tmp_path / "in.jsonl", 95)
    run_job(source, str(tmp_path / "whole.jsonl"), add_reward, "m")
    for stop in (0, 1, 5, 9):
        output = tmp_path / "out.jsonl"
        with pytest.raises(KeyboardInterrupt):
            run_job(source, str(output), InterruptedWork(after=stop), "m")
        part = next(tmp_path.glob("out.jsonl.*.part"))
        with part.open("ab") as file:
            file.write(b'{"id": 99, "torn')  # as a kill in the middle of a write leaves it
        resumed = InterruptedWork(after=100)
        run_job(source, str(output), resumed, "m")
        assert resumed.rows == 95 - 10 * stop
        assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
        output.unlink()


def test_a_job_of_another_model_or_a_changed_source_does_not_resume(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", 3)
    keys = {jobs._key(source, "a"), jobs._key(source, "b")}
    write(tmp_path / "in.jsonl", 4)
    assert len(keys | {jobs._key(source, "a")}) == 3


def test_errors_are_counted_and_rows_keep_their_order(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    output = tmp_path / "out.jsonl"
    source.write_text('{"id": 0}\nnot json\n{"id": 2}\n')
    counts = run_job(str(source), str(output), add_reward, "m")
    assert (counts.read, counts.written, counts.unusable) == (3, 3, 1)
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row.get("id") for row in rows] == [0, None, 2]


def test_the_source_is_not_written_over_and_a_folder_not_scored_for(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", 3)
    before = Path(source).read_bytes()
    for target in (source, str(tmp_path), str(tmp_path / "gone" / "out.jsonl")):
        with pytest.raises(InputError, match="name another file|name a file|make it"):
            run_job(source, target, InterruptedWork(after=0), "m")
    with pytest.raises(InputError, match="gone.jsonl: not there"):
        run_job(str(tmp_path / "gone.jsonl"), str(tmp_path / "out.jsonl"), add_reward, "m")
    assert Path(source).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_device_and_a_pipe_are_written_and_stay_what_they_are(tmp_path: Path) -> None:
    """`-o /dev/null` became a regular file, and so did a pipe."""
    source = write(tmp_path / "in.jsonl", 3)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True) as reader:
        assert run_job(source, str(pipe), add_reward, "m").written == 3
        assert reader.stdout is not None
        assert len(reader.stdout.read().splitlines()) == 3
    assert pipe.is_fifo()
    assert run_job(source, "/dev/null", add_reward, "m").written == 3
    assert Path("/dev/null").is_char_device()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "pipe"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", 3)
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to("far/out.jsonl")
    for _ in range(2):
        run_job(source, str(tmp_path / "link"), add_reward, "m")
    assert (tmp_path / "link").is_symlink()
    assert [path.name for path in (tmp_path / "far").iterdir()] == ["out.jsonl"]


def test_a_second_job_with_the_same_output_is_refused(tmp_path: Path) -> None:
    """Their lines were mixed in silence, those of jobs over standard input above all."""
    source = write(tmp_path / "in.jsonl", 3)
    output = str(tmp_path / "out.jsonl")

    def two_at_once(rows: list[Any]) -> Output:
        with pytest.raises(InputError, match="another process is writing it"):
            run_job(source, output, add_reward, "another model")
        return add_reward(rows)

    assert run_job(source, output, two_at_once, "m").written == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def command(checkpoints: Path, *arguments: str) -> list[str]:
    model = str(checkpoints / "rm_model_bt")
    return [sys.executable, "-m", "mlx_reward", *arguments, "--model", model]


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
    note = "6 rows read, 6 written; 2 rows could not be used and came out with the field 'error'"
    assert answer.stderr.splitlines()[-1] == note


def test_a_job_over_standard_input_leaves_nothing_when_it_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot resume, for nobody knows whether the same rows come again."""
    monkeypatch.setattr(jobs, "CHUNK", 1)
    for work, found in ((InterruptedWork(after=1), []), (add_reward, ["out.jsonl"])):
        source = io.TextIOWrapper(io.BytesIO(b'{"id": 0}\n{"id": 1}\n'))
        monkeypatch.setattr(sys, "stdin", source)
        with contextlib.suppress(KeyboardInterrupt):
            run_job("-", str(tmp_path / "out.jsonl"), work, "m")
        assert [path.name for path in tmp_path.iterdir()] == found


@pytest.mark.parametrize(
    ("rows", "arguments", "status", "last"),
    [
        ([{}], [], 1, "error: no row could be used; the first: field 'prompt' is missing"),
        ([{}, ROWS[0]], [], 0, "2 rows read, 2 written; 1 row could not be used"),
        ([{}, ROWS[0]], ["--strict"], 1, "error: --strict: not every row could be used"),
        ([ROWS[0]], ["--strict"], 0, "1 row read, 1 written"),
        ([], ["--strict"], 0, "0 rows read, 0 written"),
    ],
)
def test_the_exit_status_says_whether_rows_could_be_used(
    checkpoints: Path,
    tmp_path: Path,
    rows: list[Any],
    arguments: list[str],
    status: int,
    last: str,
) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    write_jsonl(source, rows)
    model = str(checkpoints / "rm_model_bt")
    answer = CliRunner().invoke(
        app, ["score", str(source), "-o", str(output), "-m", model, *arguments]
    )
    if isinstance(answer.exception, InputError):  # as `main` shows it
        answer.stderr_bytes += f"error: {answer.exception}".encode()
    assert answer.exit_code == status
    assert answer.stderr.splitlines()[-1].startswith(last)
    assert len(output.read_text().splitlines()) == len(rows)


def test_a_killed_command_resumes_and_ends_with_the_same_file(
    checkpoints: Path, tmp_path: Path
) -> None:
    source = tmp_path / "in.jsonl"
    write_jsonl(source, ({"prompt": f"q{n}", "response": "a" * (n % 90)} for n in range(3000)))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    whole = tmp_path / "whole.jsonl"
    output = tmp_path / "out.jsonl"
    score_whole = command(checkpoints, "score", str(source), "-o", str(whole))
    score_output = command(checkpoints, "score", str(source), "-o", str(output))
    subprocess.run(score_whole, check=True, env=environment)
    process = subprocess.Popen(score_output, env=environment)
    deadline = time.monotonic() + 60
    while not written_bytes(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not output.exists()
    assert written_bytes(tmp_path), "killed before it wrote anything"
    subprocess.run(score_output, check=True, env=environment)
    assert output.read_bytes() == whole.read_bytes()


def written_bytes(folder: Path) -> int:
    return sum(part.stat().st_size for part in folder.glob("out.jsonl.*.part"))


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
def test_an_unreadable_source_is_one_line(
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


def test_a_conversation_that_ends_with_the_user_is_refused(model: RewardModel) -> None:
    """The user's last turn was scored as if it were the response."""
    row = {"messages": [{"role": "user", "content": "q"}]}
    (scored,) = score_rows(model, [row])
    assert scored["error"] == "field 'messages' does not end with the assistant"


def test_a_reader_that_has_seen_enough_ends_the_job_without_a_word(
    checkpoints: Path, tmp_path: Path
) -> None:
    write_jsonl(tmp_path / "in.jsonl", [{"prompt": "q", "response": "a" * 50}] * 1000)
    with subprocess.Popen(
        command(checkpoints, "score", str(tmp_path / "in.jsonl")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_standard_input_is_answered_as_it_comes(checkpoints: Path) -> None:
    """A row that waits for its answer gets it before the next one is sent."""
    with subprocess.Popen(
        command(checkpoints, "score", "-"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for response in ("yes", "no"):
            row = {"prompt": "q", "response": response}
            process.stdin.write(json.dumps(row).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["response"] == response
        process.stdin.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize("limit", [3, 100])
def test_lines_that_arrive_are_the_lines_of_the_stream(limit: int) -> None:
    text = b"one\n\ntwo, longer\nlast"
    stream, plain = jobs.Arrivals(io.BufferedReader(io.BytesIO(text))), io.BytesIO(text)
    lines = list(iter(lambda: stream.readline(limit), b""))
    assert lines == list(iter(lambda: plain.readline(limit), b""))
    assert not stream.has_arrived()
