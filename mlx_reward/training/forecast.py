"""How long a run will take, by its first steps."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

TIMED_STEPS = 3


class Forecast:
    """Prints one line after TIMED_STEPS of ``steps``; the progress bar shows the rest.

    A shorter run, or one that is not to be shown, prints nothing.
    """

    def __init__(self, steps: int, show: bool = True) -> None:
        self._steps = steps
        self._show = show and steps > TIMED_STEPS
        self._seconds: list[float] = []

    @contextmanager
    def timed_step(self) -> Iterator[None]:
        """Time what runs while open as one step."""
        start = time.perf_counter()
        yield
        if len(self._seconds) < TIMED_STEPS:
            self._seconds.append(time.perf_counter() - start)
            if self._show and len(self._seconds) == TIMED_STEPS:
                print(self.line())

    def line(self) -> str:
        """Return the forecast by the steps timed so far."""
        mean = sum(self._seconds) / len(self._seconds)
        minutes = mean * self._steps / 60
        return (
            f"time: about {minutes:.1f} min for {self._steps} steps, by the first "
            f"{len(self._seconds)} ({mean:.2f} s each), and the evaluations"
        )
