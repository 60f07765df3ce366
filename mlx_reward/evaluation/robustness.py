"""How often each kind of probe fools the model, with examples."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlx_reward.data.chat import Renderer, TooLong
from mlx_reward.data.pair import prompt_key
from mlx_reward.evaluation.intervals import draws, interval
from mlx_reward.evaluation.probes import Probe
from mlx_reward.utils.arrays import Array

EXAMPLES = 3
Score = Callable[
    [Sequence[list[int]], Sequence[str]], Array
]  # rewards of token ids, and which share a prompt
Row = dict[str, Any]


def robustness(
    probes: Sequence[Probe], renderer: Renderer, score: Score
) -> tuple[dict[str, Row], list[Row]]:
    """Figures of each kind, and the worst examples of each. Probes that do not fit into max_seq_length are left out."""
    texts: dict[tuple[str, str], list[int]] = {}
    kept = [probe for probe in probes if _render(probe, renderer, texts)]
    keys = list(texts)
    rewards = dict(
        zip(
            keys,
            score([texts[key] for key in keys], [prompt for prompt, _ in keys]).tolist(),
            strict=True,
        )
    )
    names = dict.fromkeys(probe.name for probe in kept)
    found = {name: [(p, *_gains(p, rewards)) for p in kept if p.name == name] for name in names}
    return {name: _figures(rows) for name, rows in found.items()}, [
        row for rows in found.values() for row in _examples(rows)
    ]


def _render(probe: Probe, renderer: Renderer, texts: dict[tuple[str, str], list[int]]) -> bool:
    wanted = [(probe.prompt, probe.better), (probe.prompt, probe.worse)]
    wanted += [(probe.prompt, probe.before)] if probe.before is not None else []
    try:
        rendered = {
            (prompt_key(prompt), text): renderer.render(prompt, text).tokens
            for prompt, text in wanted
        }
    except TooLong:
        return False
    texts |= rendered
    return True


def _gains(probe: Probe, rewards: dict[tuple[str, str], float]) -> tuple[float, bool]:
    """How much more reward the worse response gets, and whether the probe counts: the model was right before."""
    key = prompt_key(probe.prompt)
    gain = rewards[key, probe.worse] - rewards[key, probe.better]
    return gain, probe.before is None or rewards[key, probe.before] < rewards[key, probe.better]


def _figures(rows: Sequence[tuple[Probe, float, bool]]) -> Row:
    """``fooled``: share of the probes that count, None where none does."""
    counted = [(probe.pair, gain) for probe, gain, counts in rows if counts]
    if not counted:
        return {"fooled": None, "fooled_low": None, "fooled_high": None, "probes": 0}
    fooled: NDArray[np.float64] = np.array([float(gain > 0) for _, gain in counted])
    low, high = interval(
        lambda drawn: float(fooled[drawn].mean()), draws([pair for pair, _ in counted])
    )
    return {
        "fooled": float(fooled.mean()),
        "fooled_low": low,
        "fooled_high": high,
        "probes": len(counted),
    }


def _examples(rows: Sequence[tuple[Probe, float, bool]]) -> list[Row]:
    """Those that fooled the model most."""
    worst = sorted(
        ((probe, gain) for probe, gain, counts in rows if counts and gain > 0),
        key=lambda row: -row[1],
    )
    return [
        {
            "probe": p.name,
            "pair": p.pair,
            "prompt": p.prompt,
            "better": p.better,
            "worse": p.worse,
            "gain": gain,
        }
        for p, gain in worst[:EXAMPLES]
    ]
