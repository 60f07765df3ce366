"""What checkpoints/uncertainty.safetensors holds: what a model knows of its own ignorance."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlx_reward.evaluation.distance import Distance
from mlx_reward.evaluation.laplace import Laplace
from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import whole_file

REMEDY = "run `dvc repro calibrate`, which makes it"
COLUMNS = 2  # of what is measured of each text: variance of the reward, distance


@dataclass(frozen=True)
class Uncertainty:
    """The posterior of each member's last layer, and the distance in the first member's inputs.

    ``model`` is the digest of the trained weights that they belong to.
    """

    model: str
    members: tuple[Laplace, ...]
    distance: Distance

    def measure(self, member: int, inputs: NDArray[np.float32]) -> Array:
        """Return (N, COLUMNS) of the ``inputs`` (N, W) of a member's last layer.

        They are the variance of its reward, and for the first member the distance, for others 0.
        """
        exact = inputs.astype(np.float64)
        distances = self.distance(exact) if member == 0 else np.zeros(len(exact))
        return np.column_stack([self.members[member].deviations(exact) ** 2, distances])


def save(path: Path, uncertainty: Uncertainty) -> None:
    """Write ``uncertainty``; the file appears whole or not at all."""
    from safetensors.numpy import save_file

    found = {"distance.center": uncertainty.distance.center}
    found |= {"distance.factor": uncertainty.distance.factor}
    for number, member in enumerate(uncertainty.members, 1):
        found[f"member-{number}.center"] = member.center
        found[f"member-{number}.factor"] = member.factor
        found[f"member-{number}.prior_precision"] = np.array([member.prior_precision])
    tensors = {
        name: np.ascontiguousarray(tensor, dtype=np.float32) for name, tensor in found.items()
    }
    with whole_file(path) as temporary:
        save_file(tensors, str(temporary), metadata={"model": uncertainty.model})


def read(path: Path, widths: Sequence[int]) -> Uncertainty:
    """Return what ``save`` wrote for members whose last layers get ``widths`` numbers.

    InputError where the file, which may come from a stranger, does not fit them.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            model = (file.metadata() or {}).get("model", "")
            found = {name: file.get_tensor(name).astype(np.float64) for name in list(file.keys())}
    except (SafetensorError, OSError, TypeError) as error:
        raise InputError(f"{path}: no whole safetensors file ({error}); {REMEDY}") from None
    expected: dict[str, tuple[int, ...]] = {}
    for number, width in enumerate(widths, 1):
        expected[f"member-{number}.center"] = (width,)
        expected[f"member-{number}.factor"] = (width, width)
        expected[f"member-{number}.prior_precision"] = (1,)
    expected |= {"distance.center": (widths[0],), "distance.factor": (widths[0], widths[0])}
    if {name: tensor.shape for name, tensor in found.items()} != expected:
        raise InputError(f"{path}: it is for another model than this; {REMEDY}")
    if not all(np.isfinite(tensor).all() for tensor in found.values()):
        raise InputError(f"{path}: it is not finite; {REMEDY}")
    members = tuple(
        Laplace(
            found[f"member-{number}.center"],
            found[f"member-{number}.factor"],
            float(found[f"member-{number}.prior_precision"][0]),
        )
        for number in range(1, len(widths) + 1)
    )
    return Uncertainty(model, members, Distance(found["distance.center"], found["distance.factor"]))
