"""The command ``mlx-reward``."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlx_reward.errors import run

EXAMPLE = """rows hold prompt and response, prompt and responses, messages, or prompt, chosen and rejected

example:
  mlx-reward {0} answers.jsonl -o scored.jsonl"""


def main() -> int:
    """Parse the command line and run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="mlx-reward", description="Reward models on MLX.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    doctor = commands.add_parser("doctor", help="print device, BLAS and its speed, streams, memory and cache")
    doctor.set_defaults(command=_doctor)
    compare = commands.add_parser("compare", help="tell whether one run is better than another on the same test pairs")
    compare.add_argument("old", type=Path, help="checkpoints/test_rewards.jsonl of the earlier run")
    compare.add_argument("new", type=Path, help="that of the later run")
    compare.set_defaults(command=_compare)
    for name, command, says in (
        ("score", _score, "write rows with the reward of each response"),
        ("rank", _rank, "write rows with their responses sorted, best first"),
        ("label", _label, "make DPO pairs or KTO rows of prompts with several responses"),
    ):
        rows = commands.add_parser(name, help=says, epilog=EXAMPLE.format(name), formatter_class=argparse.RawTextHelpFormatter)
        rows.add_argument("source", help="jsonl, json, csv or parquet file, plain, .gz or .zst; - is standard input")
        rows.add_argument("-o", "--output", default="-", help="a .jsonl file; a stopped job goes on where it was (default: -)")
        rows.add_argument("-m", "--model", type=Path, default=Path("checkpoints/rm_model_bt"), help="checkpoint folder")
        rows.add_argument("-b", "--base", type=Path, help="backbone folder, where it is not beside the checkpoint")
        if name == "score":
            rows.add_argument("-n", "--normalize", choices=["zscore", "sigmoid"], help="by the training rewards")
        if name == "label":
            rows.add_argument("-f", "--form", choices=["dpo", "kto"], default="dpo", help="(default: dpo)")
            rows.add_argument("--against", choices=["worst", "random", "all"], default="worst", help="(default: worst)")
            rows.add_argument("--min-probability", type=float, default=0.5, help="keep surer pairs only (default: 0.5)")
        rows.set_defaults(command=command)
    arguments = parser.parse_args()
    return run(lambda: arguments.command(arguments))


def _doctor(_: argparse.Namespace) -> None:
    from mlx_reward.doctor import report  # MLX is loaded only by the commands that need it

    for what, how in report():
        print(f"{what:<16}{how}")


def _score(arguments: argparse.Namespace) -> None:
    from mlx_reward.score_rows import score_rows

    _run(arguments, lambda model, rows: score_rows(model, rows, arguments.normalize), str(arguments.normalize))


def _rank(arguments: argparse.Namespace) -> None:
    from mlx_reward.score_rows import rank_rows

    _run(arguments, rank_rows, "rank")


def _label(arguments: argparse.Namespace) -> None:
    from mlx_reward.label_rows import label_rows

    form, against, least = arguments.form, arguments.against, arguments.min_probability
    _run(arguments, lambda model, rows: label_rows(model, rows, form, against, least), f"{form} {against} {least}")


def _run(arguments: argparse.Namespace, work: Callable[..., list[dict[str, Any]]], what: str) -> None:
    from mlx_reward.reward_model import RewardModel
    from mlx_reward.row_jobs import run_job

    model = RewardModel.load(arguments.model, arguments.base)
    identity = f"{what} {model.digest}"
    errors = run_job(arguments.source, arguments.output, lambda rows: work(model, rows), identity)
    if errors:
        print(f"{errors} rows could not be scored; they came out with the field 'error'", file=sys.stderr)


def _compare(arguments: argparse.Namespace) -> None:
    from mlx_reward.paired import compare_runs

    found = compare_runs(arguments.old, arguments.new)
    for name, rows in (("gained", found.gained), ("lost", found.lost)):
        for row in rows:
            print(f"{name:<8}{row['id']}  {row['subset']}  logit {row['logit']:+.2f}")
    change = f"{found.change:+.4f}, 95 % {found.low:+.4f} to {found.high:+.4f}"
    print(f"accuracy {found.old:.4f} -> {found.new:.4f} on {found.pairs} pairs: {change}")
    print(f"{len(found.gained)} gained, {len(found.lost)} lost, McNemar's exact p {found.p:.3f}")


if __name__ == "__main__":
    sys.exit(main())
