"""The command ``mlx-reward``."""

import argparse
import sys
from pathlib import Path

from mlx_reward.errors import run


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
    arguments = parser.parse_args()
    return run(lambda: arguments.command(arguments))


def _doctor(_: argparse.Namespace) -> None:
    from mlx_reward.doctor import report  # MLX is loaded only by the commands that need it

    for what, how in report():
        print(f"{what:<16}{how}")


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
