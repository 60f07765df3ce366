"""The command ``mlx-reward``."""

import argparse
import sys

from mlx_reward.errors import run


def main() -> int:
    """Parse the command line and run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="mlx-reward", description="Reward models on MLX.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    doctor = commands.add_parser("doctor", help="print device, BLAS and its speed, streams, memory and cache")
    doctor.set_defaults(command=_doctor)
    return run(parser.parse_args().command)


def _doctor() -> None:
    from mlx_reward.doctor import report  # MLX is loaded only by the commands that need it

    for what, how in report():
        print(f"{what:<16}{how}")


if __name__ == "__main__":
    sys.exit(main())
