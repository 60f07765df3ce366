"""Files appear whole or not at all: written under a temporary name beside the target, then renamed."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from mlx_reward.utils.errors import InputError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path in the folder of ``path``; renamed to ``path`` on success, removed on any failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside ``path``; takes the place of ``path`` on success, removed on any failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            shutil.rmtree(path)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_json(path: Path, value: Any) -> None:
    """``value`` as indented JSON; NaN and infinity raise ValueError, for they are not JSON."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_json(path: Path, remedy: str) -> Any:
    """The JSON in ``path``; ``remedy`` tells what to do where it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: not there; {remedy}") from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}); {remedy}") from None


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """One JSON object a line; returns how many were written."""
    count = 0
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
            count += 1
    return count


def deal_lines(path: Path, targets: Sequence[Path], sides: Iterable[int]) -> list[int]:
    """Write line i of ``path`` to ``targets[sides[i]]``, or nowhere where there is no such target; the counts."""
    counts = [0] * len(targets)
    with ExitStack() as stack, path.open("rb") as source:
        temporary = [stack.enter_context(whole_file(target)) for target in targets]
        files = [stack.enter_context(path.open("wb")) for path in temporary]
        for line, side in zip(source, sides, strict=True):
            if side < len(files):
                files[side].write(line)
                counts[side] += 1
    return counts


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Rows that an earlier stage wrote; anything else in the file raises InputError naming the line."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                yield _row(path, number, line)
    except FileNotFoundError:
        raise InputError(f"{path}: not there; run `dvc repro`, which makes it") from None


def _row(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InputError(
            f"{path}, line {number}: not JSON ({error}); run `dvc repro -f` to make it again"
        ) from None
    if not isinstance(row, dict):
        raise InputError(
            f"{path}, line {number}: not a JSON object; run `dvc repro -f` to make it again"
        )
    return row
