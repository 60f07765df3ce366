"""What an earlier run said of the test pairs: an output of another revision, out of DVC's cache or
remote.
"""

import json
from pathlib import Path
from typing import Any

from mlx_reward.utils.errors import InputError, first_line


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
