"""Public preference sets by name: where they are, at which revision, under which license."""

from dataclasses import dataclass
from pathlib import Path

from mlx_reward.data.sources import convarg, hub


@dataclass(frozen=True)
class Preset:
    """Files of a dataset repo on the hub, at one commit."""

    repo: str
    revision: str
    files: tuple[str, ...]
    format: str
    license: str


HH_REVISION = "09be8c5bbc57cb3887f3a9732ad6aa7ec602a1fa"
PRESETS = {
    "hh-rlhf-harmless": Preset(
        "Anthropic/hh-rlhf", HH_REVISION, ("harmless-base/train.jsonl.gz",), "hh", "MIT"
    ),
    "hh-rlhf-helpful": Preset(
        "Anthropic/hh-rlhf", HH_REVISION, ("helpful-base/train.jsonl.gz",), "hh", "MIT"
    ),
    "ultrafeedback": Preset(
        "HuggingFaceH4/ultrafeedback_binarized",
        "3949bf5f8c17c394422ccfab0c31ea9c20bdeb85",
        ("data/train_prefs-00000-of-00001.parquet",),
        "pair",
        "MIT",
    ),
    "helpsteer2": Preset(
        "nvidia/HelpSteer2",
        "990b2711a36180dd19d9c94b8627844866f8982a",
        ("train.jsonl.gz",),
        "rated",
        "CC BY 4.0",
    ),
}
NAMES = (*PRESETS, convarg.NAME)


def fetch(name: str) -> tuple[list[Path], str]:
    """Return the files of a preset, downloaded unless they are there, and their format."""
    if name == convarg.NAME:
        print(f"{name}: UKPConvArg1Strict at {convarg.COMMIT[:7]}, license {convarg.LICENSE}")
        return [convarg.fetch()], "pair"
    preset = PRESETS[name]
    print(f"{name}: {preset.repo} at {preset.revision[:7]}, license {preset.license}")
    files = [hub.fetch_file(preset.repo, preset.revision, file) for file in preset.files]
    return files, preset.format
