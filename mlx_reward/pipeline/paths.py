"""Every file that the pipeline reads or writes, as dvc.yaml declares it."""

from dataclasses import dataclass, fields
from pathlib import Path

PARAMS = Path("params.yaml")


@dataclass(frozen=True)
class Paths:
    """Paths from the project's root, where every stage runs."""

    base: Path = Path("checkpoints/sft_merged_model")
    reward_model: Path = Path("checkpoints/rm_model_bt")
    calibration: Path = Path("checkpoints/calibration.json")
    uncertainty: Path = Path("checkpoints/uncertainty.safetensors")
    test_rewards: Path = Path("checkpoints/test_rewards.jsonl")
    probe_examples: Path = Path("checkpoints/probe_examples.jsonl")

    pairs: Path = Path("data/processed/rm/rm_pairwise_train.jsonl")
    rejected_rows: Path = Path("data/processed/rm/rejected_rows.jsonl")
    train: Path = Path("data/processed/rm/rm_train.jsonl")
    valid: Path = Path("data/processed/rm/rm_valid.jsonl")
    test: Path = Path("data/processed/rm/rm_test.jsonl")

    metrics: Path = Path("metrics")
    plots: Path = Path("metrics/plots")
    live: Path = Path("metrics/live")  # curves while training runs, where they are asked for
    report: Path = Path("metrics/report.html")
    summary: Path = Path("metrics/report.md")

    @classmethod
    def below(cls, folder: Path) -> "Paths":
        """Return the same paths in another folder than the current one."""
        return cls(**{field.name: folder / str(field.default) for field in fields(cls)})

    @classmethod
    def beside(cls, reward_model: Path, **others: Path) -> "Paths":
        """Return the paths of a command without a project, where what is made of the model in the
        folder ``reward_model`` lies beside it; ``others`` are paths that the command was given.
        """
        folder = reward_model.parent
        given = {"reward_model": reward_model, "metrics": folder / "metrics"} | others
        return cls(
            calibration=folder / "calibration.json",
            uncertainty=folder / "uncertainty.safetensors",
            test_rewards=folder / "test_rewards.jsonl",
            probe_examples=folder / "probe_examples.jsonl",
            plots=given["metrics"] / "plots",
            live=given["metrics"] / "live",
            report=given["metrics"] / "report.html",
            **given,
        )

    def training_run(self, member: int) -> Path:
        """Return where a member's training is kept while it lasts, to resume it.

        It is no output of DVC, which would remove it first.
        """
        return self.reward_model.with_name(f".training_run-{member}.safetensors")
