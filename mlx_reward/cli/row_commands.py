"""Commands over rows of a file: ``score``, ``rank``, ``label``, ``filter`` and ``sample``."""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mlx_reward.cli.options import (
    DEFAULT_MODEL,
    Base,
    Model,
    Rows,
    RowsOutput,
    Strict,
    UncertaintyPenalty,
)
from mlx_reward.utils.errors import InputError

if TYPE_CHECKING:
    from mlx_reward.inference.output_rows import Output
    from mlx_reward.inference.reward_model import RewardModel

Work = Callable[["RewardModel", list[Any]], "Output"]

FILTER_EXAMPLE = """\b
Example:
  mlx-reward filter scored.jsonl --top 0.25 -o best.jsonl"""

SAMPLE_EXAMPLE = """\b
Example:
  mlx-reward sample prompts.jsonl -n 4 --max-tokens 256 -o candidates.jsonl"""


def example(command: str) -> str:
    """Return the end of the help of ``command``, which takes rows of several shapes."""
    return f"""Rows hold prompt and response, prompt and responses, messages, or prompt, chosen
and rejected.

\b
Example:
  mlx-reward {command} answers.jsonl -o scored.jsonl"""


def score(
    source: Rows,
    output: RowsOutput = "-",
    model: Model = DEFAULT_MODEL,
    base: Base = None,
    uncertainty_penalty: UncertaintyPenalty = 0.0,
    normalize: Annotated[
        Literal["zscore", "sigmoid"] | None,
        typer.Option(help="Scale rewards by the mean and deviation in training."),
    ] = None,
    distance: Annotated[
        bool,
        typer.Option(
            "--distance",
            help="Write how far each text is from the training texts; 95 % of texts like them are "
            "within 1.",
        ),
    ] = False,
    strict: Strict = False,
) -> None:
    """Write rows with the reward of each response."""
    from mlx_reward.inference.score import score_output

    def work(reward_model: "RewardModel", rows: list[Any]) -> "Output":
        return score_output(reward_model, rows, normalize, uncertainty_penalty, distance)

    settings = f"score {normalize} {uncertainty_penalty} {distance}"
    _run_model_job(source, output, model, base, work, settings, strict)


def rank(
    source: Rows,
    output: RowsOutput = "-",
    model: Model = DEFAULT_MODEL,
    base: Base = None,
    uncertainty_penalty: UncertaintyPenalty = 0.0,
    strict: Strict = False,
) -> None:
    """Write rows with their responses sorted, best first."""
    from mlx_reward.inference.score import rank_output

    def work(reward_model: "RewardModel", rows: list[Any]) -> "Output":
        return rank_output(reward_model, rows, uncertainty_penalty)

    _run_model_job(source, output, model, base, work, f"rank {uncertainty_penalty}", strict)


def label(
    source: Rows,
    output: RowsOutput = "-",
    model: Model = DEFAULT_MODEL,
    base: Base = None,
    uncertainty_penalty: UncertaintyPenalty = 0.0,
    form: Annotated[
        Literal["dpo", "kto", "sft"], typer.Option("--form", "-f", help="Rows to write.")
    ] = "dpo",
    against: Annotated[
        Literal["worst", "random", "all"],
        typer.Option(help="Which responses to pair with the best one."),
    ] = "worst",
    min_probability: Annotated[
        float, typer.Option(help="Lowest probability of a pair that is kept.")
    ] = 0.5,
    max_uncertainty: Annotated[
        float, typer.Option(help="Highest uncertainty of a pair that is kept.")
    ] = math.inf,
    max_length_ratio: Annotated[
        float, typer.Option(help="Highest ratio of the two lengths of a pair that is kept.")
    ] = math.inf,
    max_error: Annotated[
        float | None,
        typer.Option(
            help="Largest share of wrong pairs, with 90 % confidence, where prompts and pairs are "
            "like those of the valid split; the best of many responses is not."
        ),
    ] = None,
    strict: Strict = False,
) -> None:
    """Make DPO pairs, KTO or SFT rows of several responses."""
    from mlx_reward.inference.label import Filters, label_rows

    filters = Filters(
        min_probability=min_probability,
        max_uncertainty=max_uncertainty,
        max_length_ratio=max_length_ratio,
        max_error=max_error,
    )

    def work(reward_model: "RewardModel", rows: list[Any]) -> "Output":
        return label_rows(reward_model, rows, form, against, filters, uncertainty_penalty)

    settings = f"label {form} {against} {filters} {uncertainty_penalty}"
    _run_model_job(source, output, model, base, work, settings, strict)


def filter_rows(
    source: Annotated[
        Path,
        typer.Argument(metavar="SOURCE", help="A jsonl, json, csv or parquet file of scored rows."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="A .jsonl file.")],
    by: Annotated[str, typer.Option(help="The field with the number.")] = "reward",
    top: Annotated[
        float | None,
        typer.Option(help="Share of rows to keep, those with the highest numbers; ties are kept."),
    ] = None,
    bottom: Annotated[
        float | None,
        typer.Option(help="Share of rows to keep, those with the lowest numbers; ties are kept."),
    ] = None,
) -> None:
    """Keep the best share of scored rows. Give either --top or --bottom."""
    if (top is None) == (bottom is None):
        raise typer.BadParameter("give exactly one of them", param_hint="--top, --bottom")

    from mlx_reward.inference.filter import keep_share

    if top is not None:
        counts = keep_share(source, output, by, "top", top)
    elif bottom is not None:
        counts = keep_share(source, output, by, "bottom", bottom)
    kept, with_number, without_number = counts
    line = f"kept {kept} of {with_number} rows"
    if without_number:
        line += f"; {without_number} had no number in {by!r} and were left out"
    print(line)


def sample(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A jsonl, json, csv or parquet file of rows with a prompt; - is standard input.",
        ),
    ],
    output: RowsOutput = "-",
    base: Annotated[
        Path, typer.Option("--base", "-b", help="Folder of the language model.")
    ] = Path("checkpoints/sft_merged_model"),
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Responses to a prompt.")] = 4,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest response, in tokens.")] = 256,
    temperature: Annotated[
        float, typer.Option("--temperature", "--temp", help="Sampling temperature.")
    ] = 0.8,
    top_p: Annotated[float, typer.Option(help="Nucleus sampling.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Seed of the random numbers.")] = 0,
    strict: Strict = False,
) -> None:
    """Sample several responses to each prompt."""
    from mlx_reward.backbones.digest import digest
    from mlx_reward.inference.jobs import check_job
    from mlx_reward.inference.output_rows import Output
    from mlx_reward.inference.sample import BATCH, Sampler

    check_job(source, output)
    sampler = Sampler(
        base,
        count=count,
        max_tokens=max_tokens,
        temperature=temperature,
        top_p=top_p,
        seed=seed,
    )
    settings = f"sample {count} {max_tokens} {temperature} {top_p} {seed} {digest(base)}"
    _run_job(source, output, lambda rows: Output(sampler.rows(rows)), settings, strict, BATCH)


def _run_model_job(
    source: str,
    output: str,
    model: Path,
    base: Path | None,
    work: Work,
    settings: str,
    strict: bool,
) -> None:
    """Run ``work`` of the reward model in the folder ``model`` over the rows of ``source``."""
    from mlx_reward.inference.jobs import check_job
    from mlx_reward.inference.reward_model import RewardModel

    check_job(source, output)
    reward_model = RewardModel.load(model, base)
    identity = f"{settings} {reward_model.digest}"
    _run_job(source, output, lambda rows: work(reward_model, rows), identity, strict)


def _run_job(
    source: str,
    output: str,
    work: Callable[[list[Any]], "Output"],
    identity: str,
    strict: bool,
    batch: int | None = None,
) -> None:
    """Run a job that resumes only with the same ``identity`` and the same code; print its counts.

    InputError where no row could be used, or not every row and the job is ``strict``.
    """
    from mlx_reward.engine.fingerprint import arithmetic
    from mlx_reward.inference.jobs import JOBS, run_job

    counts = run_job(source, output, work, f"{identity} {arithmetic(*JOBS)}", batch)
    print(counts, file=sys.stderr)
    if counts.warning is not None:
        print(f"warning: {counts.warning}", file=sys.stderr)
    if counts.unusable and counts.unusable == counts.read:
        raise InputError(f"no row could be used; the first: {counts.first_error}")
    if counts.unusable and strict:
        raise InputError(f"--strict: not every row could be used; the first: {counts.first_error}")
