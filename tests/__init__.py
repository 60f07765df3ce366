"""The tests mirror the rooms of the package."""

from pathlib import Path

from mlx_reward.cpu import prepare

prepare.prepare()  # before a test module imports mlx, as the rooms do

ROOT = Path(__file__).parents[1]
