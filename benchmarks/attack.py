"""Attack the program, and print one table: what was tried, what held, what fell.

    python benchmarks/attack.py [--seed 0] [--count 40] [--seconds 600] [--only NAME]

Runs the families of every ``attack_*.py`` beside this file, each with at most ``--count`` attacks
and ``--seconds`` seconds; nothing leaves this machine. The exit status is 1 if anything fell.
"""

import argparse
import importlib
import random
import sys
import tempfile
import time
from pathlib import Path

from attack_tools import Family, Outcome, Setting


def main() -> int:
    sys.path.append(str(Path(__file__).parents[1]))  # the project, for what its tests can make
    arguments = _arguments()
    held = True
    print(f"{'family':<16}{'tried':>8}{'held':>8}{'fell':>8}{'seconds':>10}")
    for family in _families():
        if arguments.only in (None, family.name):
            start = time.monotonic()
            outcomes = _attack(family, arguments.seed, arguments.count, arguments.seconds)
            fell = [outcome for outcome in outcomes if outcome.problem is not None]
            held &= not fell
            counts = f"{len(outcomes):>8}{len(outcomes) - len(fell):>8}{len(fell):>8}"
            print(f"{family.name:<16}{counts}{time.monotonic() - start:>10.0f}", flush=True)
    return 0 if held else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Attack the program and count what held.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=40, help="attacks of a family, at most")
    parser.add_argument("--seconds", type=float, default=600, help="of a family, at most")
    parser.add_argument("--only", help="the name of one family")
    return parser.parse_args()


def _families() -> list[Family]:
    """Return the families of all modules beside this one."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("attack_*.py"))
    modules = [importlib.import_module(name) for name in names]
    return [family for module in modules for family in getattr(module, "FAMILIES", ())]


def _attack(family: Family, seed: int, count: int, seconds: float) -> list[Outcome]:
    """Return the outcomes of one family, with random numbers of its own."""
    deadline = time.monotonic() + seconds
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as folder:
        generator = random.Random(f"{seed} {family.name}")
        for outcome in family.attacks(Setting(generator, Path(folder), count)):
            outcomes.append(outcome)
            if outcome.problem is not None:
                print(f"fell: {family.name}: {outcome.attack}: {outcome.problem}", flush=True)
            if len(outcomes) >= count or time.monotonic() > deadline:
                break
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
