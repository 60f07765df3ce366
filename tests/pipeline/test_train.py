"""A run is resumed only where everything that decides it is the same."""

import dataclasses

from mlx_reward.data.pair import Pair
from mlx_reward.pipeline.train import _run_fingerprint
from mlx_reward.training.distributed import SINGLE_PROCESS
from tests.toy import dataset, pairs, settings, tokenized


def run_of(rows: list[Pair]) -> str:
    return _run_fingerprint(settings(), "digest", tokenized(rows), dataset(3), SINGLE_PROCESS)


def test_another_order_or_strength_of_preference_is_another_run() -> None:
    """The texts are the same, and once they alone were looked at."""
    rows = pairs(6)
    last = rows[-1]  # of its texts, other pairs come first
    turned = dataclasses.replace(last, chosen=last.rejected, rejected=last.chosen)
    assert run_of(rows) == run_of(pairs(6))
    assert tokenized([*rows[:-1], turned]).texts == tokenized(rows).texts
    assert run_of([*rows[:-1], turned]) != run_of(rows)
    assert run_of([*rows[:-1], dataclasses.replace(last, votes=[3, 1])]) != run_of(rows)
    assert run_of([*rows[:-1], dataclasses.replace(last, preference_strength=2.0)]) != run_of(rows)
