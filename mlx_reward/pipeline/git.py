"""What Git knows of the project; None where it knows nothing, or is not there."""

import subprocess
from pathlib import Path

# What a run writes, and the pages that quote it: a commit of these alone is of the same run.
OUTPUTS = ("metrics", "dvc.lock", "docs", "README.md", "CHANGELOG.md")


def git(folder: Path, *arguments: str) -> str | None:
    """Return what ``git`` prints in ``folder``, None where it fails."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, encoding="utf-8"
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def inputs() -> list[str]:
    """Return the arguments that leave the outputs of runs out of account."""
    return ["--", ".", *(f":(exclude){name}" for name in OUTPUTS)]


def last_input_commit(folder: Path) -> tuple[str, str] | None:
    """Return the short hash and the day of the last commit of code, parameters or data."""
    found = git(folder, "log", "-1", "--format=%h %cs", *inputs())
    if not found:
        return None
    commit, day = found.split()
    return commit, day


def has_uncommitted_inputs(folder: Path) -> bool:
    """Return whether code, parameters or data differ from what is committed."""
    return bool(git(folder, "status", "--porcelain", *inputs()))


def versions_of(folder: Path, file: Path, most: int = 20) -> list[tuple[str, str]]:
    """Return the short hashes of the last commits that changed ``file``, and its text in each."""
    listed = git(folder, "log", f"-{most}", "--format=%h", "--", str(file))
    found = []
    for commit in (listed or "").split():
        text = git(folder, "show", f"{commit}:./{file}")
        if text is not None:
            found.append((commit, text))
    return found
