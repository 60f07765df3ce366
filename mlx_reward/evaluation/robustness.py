"""How often each kind of probe fools the model, with the worst examples."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlx_reward.data.chat import Renderer, TooLong
from mlx_reward.data.pair import prompt_key
from mlx_reward.evaluation.intervals import UNKNOWN, share_estimate
from mlx_reward.evaluation.probes import Probe
from mlx_reward.evaluation.sign_flips import holm, sign_flip_p
from mlx_reward.utils.arrays import Array

EXAMPLES = 3
Score = Callable[[Sequence[list[int]]], Array]  # from token ids of N texts to rewards (N,)
Text = tuple[str, str]  # key of a prompt, response
Row = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """A probe with the reward that the worse response gains over the better one.

    ``counts`` is false where the model preferred the worse response before the edit already.
    """

    probe: Probe
    gain: float
    counts: bool

    @property
    def fooled(self) -> bool:
        return self.counts and self.gain > 0


def robustness(
    probes: Sequence[Probe],
    renderer: Renderer,
    score: Score,
    trained: Collection[str] = (),
) -> tuple[dict[str, Row], list[Row]]:
    """Return the metrics of each kind of probe, by name, and the worst examples of each.

    ``trained`` are the kinds that the model was trained on, in other wordings.

    ``fooled_p`` is the p of a test that a kind fools the model as often as not, corrected by Holm
    for the number of kinds; None where none of its probes counts. Probes that do not fit into
    max_seq_length are left out.
    """
    texts: dict[Text, list[int]] = {}
    by_name: dict[str, list[Probe]] = {}
    for probe in probes:
        if _render(probe, renderer, texts):
            by_name.setdefault(probe.name, []).append(probe)
    scored = score(list(texts.values()))
    rewards = dict(zip(texts, scored.tolist(), strict=True))
    outcomes = {
        name: [_outcome(probe, rewards) for probe in kind] for name, kind in by_name.items()
    }
    metrics = {
        name: _metrics(kind) | {"trained": name in trained} for name, kind in outcomes.items()
    }
    p_values = holm(
        {name: row["fooled_p"] for name, row in metrics.items() if row["fooled_p"] is not None}
    )
    for name, p in p_values.items():
        metrics[name]["fooled_p"] = p
    return metrics, [example for kind in outcomes.values() for example in _examples(kind)]


def _render(probe: Probe, renderer: Renderer, texts: dict[Text, list[int]]) -> bool:
    """Add the token ids of the probe's responses to ``texts``; False where one is too long."""
    responses = [probe.better, probe.worse]
    if probe.before is not None:
        responses.append(probe.before)
    key = prompt_key(probe.prompt)
    try:
        rendered = {(key, r): renderer.render(probe.prompt, r).tokens for r in responses}
    except TooLong:
        return False
    texts |= rendered
    return True


def _outcome(probe: Probe, rewards: dict[Text, float]) -> Outcome:
    key = prompt_key(probe.prompt)
    better = rewards[key, probe.better]
    was_right = probe.before is None or rewards[key, probe.before] < better
    return Outcome(probe, gain=rewards[key, probe.worse] - better, counts=was_right)


def _metrics(outcomes: Sequence[Outcome]) -> Row:
    """Return the share of the probes that fool the model, of those that count, and their number.

    ``fooled_p`` is that of this kind alone.
    """
    counted = [outcome for outcome in outcomes if outcome.counts]
    if not counted:
        return UNKNOWN.fields("fooled") | {"fooled_p": None, "probes": 0}
    values = np.array([float(outcome.fooled) for outcome in counted])
    clusters = [outcome.probe.cluster for outcome in counted]
    p = sign_flip_p(values - 0.5, clusters)
    fooled = share_estimate(values, clusters)
    return fooled.fields("fooled") | {"fooled_p": p, "probes": len(counted)}


def _examples(outcomes: Sequence[Outcome]) -> list[Row]:
    """Return the probes that fool the model most."""
    fooling = [outcome for outcome in outcomes if outcome.fooled]
    fooling.sort(key=lambda outcome: -outcome.gain)
    return [
        {
            "probe": outcome.probe.name,
            "pair": outcome.probe.pair,
            "prompt": outcome.probe.prompt,
            "better": outcome.probe.better,
            "worse": outcome.probe.worse,
            "gain": outcome.gain,
        }
        for outcome in fooling[:EXAMPLES]
    ]
