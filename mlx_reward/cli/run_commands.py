"""Commands about runs of the pipeline: ``run`` a stage, ``compare`` two runs."""

from pathlib import Path
from typing import Annotated

import typer

RUN_EXAMPLE = """The stages are those of dvc.yaml; `dvc repro` runs all that are out of date.

\b
Example:
  mlx-reward run eval"""

COMPARE_EXAMPLE = """\b
Example:
  mlx-reward compare before.jsonl checkpoints/test_rewards.jsonl"""


def run_stage(
    stage: Annotated[
        str, typer.Argument(metavar="STAGE", help="Name of the stage, such as train.")
    ],
) -> None:
    """Run one stage of the pipeline in the current folder."""
    from mlx_reward.pipeline.run import STAGES
    from mlx_reward.pipeline.run import run_stage as run_pipeline_stage

    if stage not in STAGES:
        raise typer.BadParameter(f"{stage!r} is not one of {', '.join(STAGES)}", param_hint="STAGE")
    raise typer.Exit(run_pipeline_stage(stage))


def compare(
    old: Annotated[
        Path,
        typer.Argument(metavar="OLD", help="checkpoints/test_rewards.jsonl of the earlier run."),
    ],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The same file of the later run.")],
) -> None:
    """Tell whether two runs differ significantly."""
    from mlx_reward.evaluation.paired import compare_runs

    comparison = compare_runs(old, new)
    for name, rows in (("gained", comparison.gained), ("lost", comparison.lost)):
        for row in rows:
            print(f"{name:<8}{row['id']}  {row['subset']}  logit {row['logit']:+.2f}")
    for name, subset in comparison.subsets.items():
        if len(comparison.subsets) > 1 and subset.p < 0.05:
            print(
                f"subset  {name}: accuracy {subset.old:.4f} -> {subset.new:.4f} "
                f"on {subset.pairs} pairs, p {subset.p:.3f} (Holm)"
            )
    interval = "no interval, too few prompts"
    if comparison.low is not None:
        interval = f"95 % {comparison.low:+.4f} to {comparison.high:+.4f}"
    print(
        f"accuracy {comparison.old:.4f} -> {comparison.new:.4f} on {comparison.pairs} pairs: "
        f"{comparison.change:+.4f}, {interval}"
    )
    print(
        f"{len(comparison.gained)} gained, {len(comparison.lost)} lost, "
        f"p {comparison.p:.3f} by sign flips of whole prompts"
    )
