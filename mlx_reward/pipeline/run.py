"""Run a stage by its name, as ``stages/NAME.py`` and ``mlx-reward run NAME`` do."""

from importlib import import_module

from mlx_reward.utils.errors import quiet_interrupts, run

STAGES = (
    "base",
    "data",
    "split",
    "train",
    "calibrate",
    "eval",
    "report",
    "gate",
)  # in the order of dvc.yaml


def run_stage(name: str) -> int:
    """Run one of STAGES in the current folder and return its exit status."""
    quiet_interrupts()
    return run(lambda: import_module(f"mlx_reward.pipeline.{name}").main())
