"""Kills at random moments of every command that writes: nothing lost, nothing half-written.

A command runs once undisturbed, which gives its result and its time. Then it is killed (SIGKILL)
again and again, each time somewhere within that time; what it reads must stay, and what it writes
must be missing or whole. At last it runs undisturbed, and must leave the same as at first, and
nothing else of what the killed ones had begun.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from attack_tools import MODEL, ROOT, Family, Outcome, Setting, tree

from mlx_reward.utils import tensors
from tests.pipeline.test_pipeline_run import STAGES, configure, make_project

MODEL_OPTION = ["-m", "ck/rm_model_bt"]
COMMANDS = {
    "score": ["score", "rows.jsonl", "-o", "out/o.jsonl", *MODEL_OPTION],
    "rank": ["rank", "rows.jsonl", "-o", "out/o.jsonl", *MODEL_OPTION],
    "label": ["label", "rows.jsonl", "-o", "out/o.jsonl", *MODEL_OPTION],
    "sample": [
        *("sample", "few.jsonl", "-o", "out/o.jsonl", "-b", "ck/sft_merged_model"),
        *("-n", "2", "--max-tokens", "20"),
    ],
    "filter": ["filter", "rows.jsonl", "-o", "out/o.jsonl", "--top", "0.5"],
    "export": ["export", "out/hf", "--overwrite", *MODEL_OPTION],
    "fuse": ["export", "out/fused", "--to", "mlx", "--overwrite", *MODEL_OPTION],
    "import": ["import", "hf", "-o", "out/imported", "--overwrite"],
}


def commands(setting: Setting) -> Iterator[Outcome]:
    """Kill each of COMMANDS."""
    shutil.copytree(MODEL, setting.folder / "ck")
    rows = [
        {"prompt": f"q{n}", "responses": ["a" * (1 + n % 40), "bb"], "reward": n}
        for n in range(600)
    ]
    lines = [json.dumps(row) + "\n" for row in rows]
    (setting.folder / "rows.jsonl").write_text("".join(lines))
    (setting.folder / "few.jsonl").write_text("".join(lines[:40]))
    _run(setting.folder, ["-m", "mlx_reward", "export", "hf", *MODEL_OPTION])
    for name, arguments in COMMANDS.items():
        (setting.folder / "out").mkdir()
        command = ["-m", "mlx_reward", *arguments]
        kills = setting.count // len(COMMANDS) - 1
        yield from _kill(setting, name, command, setting.folder, ["out"], kills)
        shutil.rmtree(setting.folder / "out")


def stages(setting: Setting) -> Iterator[Outcome]:
    """Kill each stage of the pipeline, in a small project."""
    project = make_project(setting.folder)
    configure(project, train={"learning_rate": 1e-5})  # some pairs stay wrong, to be calibrated
    written = ["checkpoints", "metrics", "data/processed"]
    for name in STAGES:
        kills = setting.count // len(STAGES) - 1
        yield from _kill(setting, name, ["-m", f"stages.{name}"], project, written, kills)


def _kill(
    setting: Setting,
    name: str,
    arguments: list[str],
    folder: Path,
    written: list[str],
    kills: int,
) -> Iterator[Outcome]:
    """Kill a command, as the head of this file says; ``written`` are the folders it writes to."""
    start = time.monotonic()
    try:
        _run(folder, arguments)
    except subprocess.CalledProcessError as error:
        yield Outcome(f"{name}, left alone", f"fails: {error.stderr.decode()[-200:]}")
        return
    seconds = time.monotonic() - start
    first = _results(folder, written)
    sources = _sources(folder, written)
    for number in range(kills):
        if number % 2:  # as often over an older result as over none
            _remove_results(folder, name, written)
        moment = setting.generator.uniform(0.2, 1.0) * seconds
        _kill_once(folder, arguments, moment)
        problem = _torn(folder, written)
        if _sources(folder, written) != sources:
            problem = "what it reads has changed"
        yield Outcome(f"{name}, killed after {moment:.2f} of {seconds:.2f} s", problem)
    _run(folder, arguments)
    problem = None if _results(folder, written) == first else "the result is another"
    litter = _litter(folder, written)
    yield Outcome(f"{name}, run again", f"{litter} is left" if litter else problem)


def _run(folder: Path, arguments: list[str]) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, check=True, capture_output=True
    )


def _kill_once(folder: Path, arguments: list[str], moment: float) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _files(folder: Path, written: list[str]) -> list[Path]:
    """Return what stands under a name of its own; temporary ones begin with a dot."""
    return [
        path
        for part in written
        for path in sorted((folder / part).rglob("*"))
        if path.is_file() and not any(name.startswith(".") for name in path.parts[-4:])
        if path.suffix not in (".part", ".state")
    ]


def _litter(folder: Path, written: list[str]) -> list[str]:
    """Return the names of temporary files, and of what a job keeps to go on from."""
    suffixes = (".tmp", ".part", ".state", ".lock")
    paths = [path for part in written for path in (folder / part).rglob("*")]
    return [str(path.relative_to(folder)) for path in paths if path.suffix in suffixes]


def _results(folder: Path, written: list[str]) -> dict[str, bytes]:
    """Return the contents of all results but those that hold times of this run."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in _files(folder, written)
        if b"seconds" not in path.read_bytes() and path.name != "report.html"
    }


def _sources(folder: Path, written: list[str]) -> dict[str, object]:
    return {
        name: state
        for name, state in tree(folder).items()
        if not any(name.startswith(part) or part.startswith(name) for part in written)
    }


def _remove_results(folder: Path, name: str, written: list[str]) -> None:
    """Remove what a command wrote; a stage's results are what others read, and stay."""
    if name in COMMANDS:
        for part in written:
            shutil.rmtree(folder / part)
            (folder / part).mkdir()


def _torn(folder: Path, written: list[str]) -> str | None:
    """Return the name of a result that is not whole, or None."""
    for path in _files(folder, written):
        try:
            _check(path)
        except ValueError as error:
            return f"{path.relative_to(folder)} is torn: {error}"
    return None


def _check(path: Path) -> None:
    """Raise ValueError where the file is not whole."""
    if path.suffix == ".safetensors":
        tensors.check(path)
    elif path.suffix == ".json":
        json.loads(path.read_text())
    elif path.suffix == ".jsonl":
        for line in path.read_text().splitlines(keepends=True):
            json.loads(line)
            if not line.endswith("\n"):
                raise ValueError("its last line has no end")
    elif path.suffix in (".html", ".svg") and not path.read_text().rstrip().endswith(">"):
        raise ValueError("it ends too early")


FAMILIES = (Family("kill commands", commands), Family("kill stages", stages))
