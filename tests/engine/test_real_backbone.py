"""On the real backbone, which the pipeline has made: `make slow` after `make repro`."""

import numpy as np
import pytest

from mlx_reward.data.chat import load_renderer
from mlx_reward.engine.engine import Engine
from mlx_reward.model import checkpoint
from tests import ROOT

pytestmark = pytest.mark.slow
MODEL, BASE = ROOT / "checkpoints" / "rm_model_bt", ROOT / "checkpoints" / "sft_merged_model"
QUESTION = "How do I stop rice from sticking?"
ANSWERS = [
    "Rinse it until the water runs clear and let it rest ten minutes off the heat.",
    "Rice rice the water rinse of sticks when until it clear runs.",
    "Nobody cares about your rice. Order a pizza, you are hopeless.",
]


@pytest.fixture(scope="module")
def scored() -> tuple[Engine, list[list[int]]]:
    if not MODEL.exists():
        pytest.skip("no trained model; run `make repro` first")
    loaded = checkpoint.load(MODEL, BASE)
    renderer = load_renderer(BASE, **loaded.config.rendering)
    return Engine(loaded.network), [renderer.render(QUESTION, a).tokens for a in ANSWERS]


def test_a_sound_answer_beats_word_salad_and_an_insult(scored) -> None:  # type: ignore[no-untyped-def]
    engine, texts = scored
    sound, salad, insult = engine.score(texts)
    assert sound > max(salad, insult)


def test_a_reward_depends_on_its_text_alone(scored) -> None:  # type: ignore[no-untyped-def]
    """In a batch, where the prompt is shared, or alone."""
    engine, texts = scored
    together = np.array(engine.forward(texts))
    alone = [engine.score([t])[0] for t in texts]
    assert together == pytest.approx(alone, abs=1e-4)
