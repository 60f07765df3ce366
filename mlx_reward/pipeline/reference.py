"""What an earlier run said of the test pairs: an output of another revision, out of DVC's cache or
remote.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlx_reward.pipeline.git import git, versions_of
from mlx_reward.pipeline.paths import Paths
from mlx_reward.utils.errors import InputError, first_line


@dataclass(frozen=True)
class EarlierRun:
    """A run of another revision: its metrics/eval.json and its test rewards.

    Where these cannot be had, there are none, and ``missing`` says why.
    """

    revision: str
    metrics: dict[str, Any]
    rewards: list[dict[str, Any]]
    missing: str = ""


def rewards_of(revision: str, test_rewards: Path) -> list[dict[str, Any]]:
    """The rows of checkpoints/test_rewards.jsonl at the git ``revision``; InputError where they
    cannot be had.
    """
    from dvc.api import open as dvc_open  # takes a second, which only those who compare should wait
    from dvc.exceptions import DvcException

    try:
        with dvc_open(str(test_rewards), rev=revision) as file:
            return [json.loads(line) for line in file]
    except (DvcException, OSError) as error:
        raise InputError(
            f"gate.against: the test rewards of {revision} cannot be read ({first_line(error)}); "
            "try `dvc fetch`"
        ) from None


def run_of(revision: str, paths: Paths) -> EarlierRun:
    """Return the run of ``revision``, which gate.against names; InputError without its rewards."""
    text = git(Path(), "show", f"{revision}:./{paths.metrics / 'eval.json'}")
    metrics = {} if text is None else json.loads(text)
    return EarlierRun(revision, metrics, rewards_of(revision, paths.test_rewards))


def last_run(metrics: dict[str, Any], paths: Paths) -> EarlierRun | None:
    """Return the last committed run whose figures are not those of ``metrics``.

    Committing this run does not change the answer. None where there is no other run.
    """
    for revision, text in versions_of(Path(), paths.metrics / "eval.json"):
        earlier = json.loads(text)
        if earlier == metrics:
            continue
        try:
            return EarlierRun(revision, earlier, rewards_of(revision, paths.test_rewards))
        except InputError:
            return EarlierRun(
                revision, earlier, [], "its test rewards are not in DVC's cache; try `dvc fetch`"
            )
    return None
