"""What every family of attacks shares: its outcomes, and a worker that may die.

A module ``attack_NAME.py`` beside this one lists its families in FAMILIES; ``attack.py`` finds it.
"""

import json
import random
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "tests" / "fixtures" / "checkpoint_format_1"  # a tiny ensemble, with its backbone
SECONDS = 60  # that one attack may take
MEMORY = 8 << 30  # bytes that a worker may map


@dataclass(frozen=True)
class Outcome:
    """One attack: what was tried, and what went wrong, or None where it held."""

    attack: str
    problem: str | None


@dataclass(frozen=True)
class Setting:
    """What a family gets: its own random numbers, an empty folder, and how many attacks to try."""

    generator: random.Random
    folder: Path
    count: int


@dataclass(frozen=True)
class Family:
    """A kind of attack; ``attacks`` yields the outcome of each, at most ``count`` of them."""

    name: str
    attacks: Callable[[Setting], Iterator[Outcome]]


@dataclass(frozen=True)
class Answer:
    """How a command ended: its exit status, or how it did not; ``error`` is what it raised."""

    exit_code: int | None
    error: str
    refused: str

    @property
    def problem(self) -> str | None:
        """A traceback, a death or no end; None where the command did, or refused in one line."""
        if self.error:
            return self.error
        if "\n" in self.refused.strip():
            return f"more than one line: {self.refused[:200]!r}"
        return None


WORKER = """
import json, os, resource, sys, tempfile
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
from typer.testing import CliRunner
from mlx_reward.cli.main import app
from mlx_reward.backbones import gguf
from mlx_reward.utils.errors import InputError

def run(job):
    os.chdir(job["cwd"])
    if "gguf" in job:
        with tempfile.TemporaryDirectory() as target:
            gguf.convert(Path(job["gguf"]), Path(target))
        return 0, None
    result = CliRunner().invoke(app, job["command"])
    return result.exit_code, result.exception

for line in sys.stdin:
    try:
        code, error = run(json.loads(line))
    except Exception as caught:
        code, error = 1, caught
    refused = str(error) if isinstance(error, InputError | OSError) else ""
    odd = error is not None and not isinstance(error, InputError | OSError | SystemExit)
    text = f"{type(error).__name__}: {error}"[:300] if odd else ""
    print(json.dumps({"exit_code": code, "error": text, "refused": refused}), flush=True)
""".replace("MEMORY", str(MEMORY))


def run_all(jobs: Iterable[dict[str, Any]]) -> Iterator[Answer]:
    """Yield the answer to each of ``jobs``: {"cwd", "command"} or {"cwd", "gguf"}.

    A job that kills its worker, or does not end, is answered so; the next gets a new worker.
    """
    worker = None
    for job in jobs:
        if worker is None or worker.poll() is not None:
            worker = _new_worker()
        answer = _ask(worker, job)
        if answer.exit_code is None:
            worker.kill()
            worker.wait()
        yield answer
    if worker is not None:
        worker.kill()
        worker.wait()


def _new_worker() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    )


def _ask(worker: "subprocess.Popen[str]", job: dict[str, Any]) -> Answer:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(json.dumps(job) + "\n")
    worker.stdin.flush()
    with selectors.DefaultSelector() as selector:
        selector.register(worker.stdout, selectors.EVENT_READ)
        if not selector.select(SECONDS):
            return Answer(None, f"no end within {SECONDS} s", "")
    line = worker.stdout.readline()
    if not line:
        return Answer(None, f"died with status {worker.wait()}", "")
    return Answer(**json.loads(line))


def tree(folder: Path) -> dict[str, Any]:
    """Return all names below ``folder`` with what they hold, to tell whether anything changed."""
    return {
        str(path.relative_to(folder)): _state(path)
        for path in sorted(folder.rglob("*"))
        if not path.name.endswith((".part", ".state", ".lock"))  # of an interrupted job
    }


def _state(path: Path) -> Any:
    if path.is_symlink():
        return str(path.readlink())
    return path.read_bytes() if path.is_file() else path.stat().st_mode
