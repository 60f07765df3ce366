"""Files that appear whole or not at all: written under a temporary name, then renamed."""

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
    """Give a temporary path beside ``path``; it is renamed on success, removed on any failure."""
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
    """Give a temporary folder beside ``path``; it replaces ``path``, or is removed on failure.

    For folders of this program's own choice; one that a user names goes through ``utils.outputs``.
    """
    path = path.resolve()  # a link stays one
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        _put_in_place(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _put_in_place(new: Path, path: Path) -> None:
    """Rename ``new`` to ``path``; an old folder is removed after that, and back on a failure."""
    old = new.with_suffix(".old")
    try:
        if path.exists():
            path.replace(old)
        new.replace(path)
    finally:
        if old.exists() and not path.exists():
            old.replace(path)
    shutil.rmtree(old, ignore_errors=True)


def _umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON; NaN and infinity, which are not JSON, raise ValueError."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_json(path: Path, remedy: str) -> Any:
    """Return the JSON in ``path``; InputError with ``remedy`` where it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: not there; {remedy}") from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}); {remedy}") from None


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write one JSON object a line and return how many."""
    count = 0
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
            count += 1
    return count


def deal_lines(path: Path, targets: Sequence[Path], target_of_line: Iterable[int]) -> list[int]:
    """Write line i of ``path`` to ``targets[target_of_line[i]]`` and return the lines of each.

    A line whose number is ``len(targets)`` or above is left out.
    """
    counts = [0] * len(targets)
    with ExitStack() as stack, path.open("rb") as source:
        temporary = [stack.enter_context(whole_file(target)) for target in targets]
        files = [stack.enter_context(path.open("wb")) for path in temporary]
        for line, target in zip(source, target_of_line, strict=True):
            if target < len(files):
                files[target].write(line)
                counts[target] += 1
    return counts


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Yield rows that an earlier stage wrote; InputError names the line that is no such row."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                yield _row(path, number, line)
    except FileNotFoundError:
        raise InputError(f"{path}: not there; run `dvc repro`, which makes it") from None


def _row(path: Path, number: int, line: str) -> dict[str, Any]:
    remedy = "run `dvc repro -f` to make it again"
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InputError(f"{path}, line {number}: not JSON ({error}); {remedy}") from None
    if not isinstance(row, dict):
        raise InputError(f"{path}, line {number}: not a JSON object; {remedy}")
    return row
