"""A training run on disk while it lasts, so that one that was stopped goes on where it was.

One safetensors file holds the trained weights, the best of them and the optimizer's state; its metadata tell how far the run
came. The order of the data and the random numbers of each step follow from the seed and the number of the step.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_unflatten

from mlx_reward.training.history import Evaluation, LogHistory
from mlx_reward.utils import tensors
from mlx_reward.utils.files import whole_file

Tree = dict[str, Any]
TRAINING = (
    "config",
    "data",
    "evaluation",
    "training",
)  # the rooms that decide the course of a run, besides engine's


@dataclass(frozen=True)
class TrainerState:
    """``step`` batches are done; trees of arrays for the model, its best state and the optimizer."""

    step: int
    history: LogHistory
    weights: Tree
    best: Tree
    optimizer: Tree


@dataclass(frozen=True)
class StateFile:
    """``fingerprint`` tells this run from others: what is saved of another run is not taken up."""

    path: Path
    fingerprint: str

    def save(self, progress: TrainerState) -> None:
        trees = {
            "weights": progress.weights,
            "best": progress.best,
            "optimizer": progress.optimizer,
        }
        arrays = {
            f"{kind}.{name}": value for kind, tree in trees.items() for name, value in _flat(tree)
        }
        history = json.dumps(dataclasses.asdict(progress.history))
        metadata = {"fingerprint": self.fingerprint, "step": str(progress.step), "history": history}
        with whole_file(self.path) as temporary:
            tensors.save(temporary, arrays, metadata)

    def load(self) -> TrainerState | None:
        """What was saved of this very run, if anything."""
        if not self.path.exists():
            return None
        loaded: Any = mx.load(str(self.path), format="safetensors", return_metadata=True)
        arrays, metadata = loaded
        if metadata.get("fingerprint") != self.fingerprint:
            return None
        mx.eval(arrays)  # read now, for the file will be written anew
        history = LogHistory(**json.loads(metadata["history"]))
        history.evaluations = [
            Evaluation(**e) for e in json.loads(metadata["history"])["evaluations"]
        ]
        return TrainerState(
            int(metadata["step"]),
            history,
            *(_tree(arrays, kind) for kind in ("weights", "best", "optimizer")),
        )

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)


def _flat(tree: Tree) -> list[tuple[str, mx.array]]:
    found: Any = tree_flatten(tree)
    return list(found)


def _tree(arrays: dict[str, mx.array], kind: str) -> Tree:
    prefix = f"{kind}."
    named = [
        (name.removeprefix(prefix), value)
        for name, value in arrays.items()
        if name.startswith(prefix)
    ]
    return dict(tree_unflatten(sorted(named)))
