"""A calibrator: from a margin to the log-odds that the chosen response is better.

``evaluation/calibration.py`` fits it; whoever scores only reads it, for which NumPy is enough.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from mlx_reward.utils.arrays import Array
from mlx_reward.utils.errors import InputError

LEAST_TEMPERATURE = 1e-100  # log-odds of lower ones may not be finite


class _Fields(BaseModel):
    """A calibrator as it stands in calibration.json, which may come from a stranger."""

    temperature: Annotated[float, Field(gt=LEAST_TEMPERATURE, allow_inf_nan=False)]
    knots: list[
        tuple[
            Annotated[float, Field(allow_inf_nan=False)],
            Annotated[float, Field(allow_inf_nan=False)],
        ]
    ] = []


@dataclass(frozen=True)
class Calibrator:
    """A map from margins to log-odds: ``margin / temperature``, or a curve through ``knots``.

    A knot is (margin, log-odds); between knots, and from the origin to the first, the curve is
    linear. It is odd and, up to the last knot, strictly rising, so that no decision changes.
    """

    temperature: float
    knots: tuple[tuple[float, float], ...] = ()

    def __call__(self, margins: Array) -> Array:
        """Return the log-odds of ``margins``, of the same shape."""
        if not self.knots:
            return margins / self.temperature
        x, y = np.array(((0.0, 0.0), *self.knots)).T
        return np.asarray(np.sign(margins) * np.interp(np.abs(margins), x, y))

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> "Calibrator":
        """Return the calibrator that ``dataclasses.asdict`` wrote; other fields are ignored.

        InputError where it is none: no temperature above 0, or knots that do not rise from 0.
        """
        try:
            found = _Fields.model_validate(fields)
        except ValidationError as error:
            reason = " ".join(error.errors()[0]["msg"].split())
            place = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the whole"
            raise InputError(f"calibration: {place}: {reason}; run `dvc repro calibrate`") from None
        knots = tuple((margin, log_odds) for margin, log_odds in found.knots)
        if np.any(np.diff(np.array(((0.0, 0.0), *knots)), axis=0) <= 0):
            raise InputError("calibration: its knots do not rise from 0; run `dvc repro calibrate`")
        return cls(found.temperature, knots)
