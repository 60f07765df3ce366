"""Compare exported models in transformers on torch with mlx-reward.

    python benchmarks/exported.py PEER_PYTHON

prints the largest difference of a score, alone and in a padded batch, for tiny random models of
every architecture that can be exported, and for the trained model in checkpoints/ where there is
one. PEER_PYTHON is the interpreter of an environment with requirements-peer.txt.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import mlx_reward.cpu  # noqa: F401  # before mlx

# isort: split
from mlx_reward.data.pair import Message, Prompt, as_messages
from mlx_reward.exchange.to_transformers import export
from mlx_reward.inference.reward_model import RewardModel
from tests import tiny
from tests.exchange.test_exchange import trained

ROOT = Path(__file__).parents[1]
TRAINED = ROOT / "checkpoints" / "rm_model_bt"
PROMPTS: list[Prompt] = [
    "short?",
    "a rather longer question, is it not?",
    [{"role": "user", "content": "What is 2 + 2?"}],
]
RESPONSES = ["yes", "no, and this goes on for a while, quite a while in fact", "4"]
PEER = """
import json, sys, torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

for line in sys.stdin:
    work = json.loads(line)
    model, notes = AutoModelForSequenceClassification.from_pretrained(
        work["folder"], output_loading_info=True
    )
    assert not notes["missing_keys"] and not notes["unexpected_keys"], notes
    model.eval()
    tokenizer = AutoTokenizer.from_pretrained(work["folder"])

    def score(texts):
        inputs = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.no_grad():
            return model(**inputs).logits[:, 0].tolist()

    texts = [tokenizer.apply_chat_template(m, tokenize=False) for m in work["messages"]]
    print(json.dumps({"alone": [score([t])[0] for t in texts], "batch": score(texts)}), flush=True)
"""


def conversations() -> list[list[Message]]:
    """Return the prompts with their responses as messages."""
    return [
        [*as_messages(prompt), {"role": "assistant", "content": response}]
        for prompt, response in zip(PROMPTS, RESPONSES, strict=True)
    ]


def export_model(name: str, folder: Path) -> dict[str, Any]:
    """Export a model; return the peer's work, with the scores that it should find."""
    if name == "trained":
        model = TRAINED
        base = ROOT / "checkpoints" / "sft_merged_model"
    else:
        base = trained(folder, name, bits=4)
        model = folder / "rm_model_bt"
    bias = export(model, base, folder / "hf")  # which scores in transformers lack
    scores = RewardModel.load(model, base).score(PROMPTS, RESPONSES) - bias
    return {
        "folder": str(folder / "hf"),
        "messages": conversations(),
        "scores": scores.tolist(),
    }


def run_peer(python: str, work: list[dict[str, Any]]) -> list[dict[str, list[float]]]:
    """Return the peer's scores of each exported model, alone and in a batch."""
    lines = "".join(json.dumps(item) + "\n" for item in work)
    answer = subprocess.run([python, "-c", PEER], input=lines, capture_output=True, text=True)
    if answer.returncode:
        raise SystemExit(answer.stderr[-2000:])
    return [json.loads(line) for line in answer.stdout.splitlines()]


def difference(first: list[float], second: list[float]) -> float:
    """Return the largest difference of scores."""
    return max(abs(a - b) for a, b in zip(first, second, strict=True))


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    names = list(tiny.EXTRA)
    if TRAINED.exists():
        names.append("trained")
    with tempfile.TemporaryDirectory() as temporary:
        work = [export_model(name, Path(temporary) / name) for name in names]
        found = run_peer(sys.argv[1], work)
    print(f"{'':<10}{'alone':>10}{'batch':>10}   scores")
    for name, ours, theirs in zip(names, work, found, strict=True):
        alone = difference(ours["scores"], theirs["alone"])
        batch = difference(ours["scores"], theirs["batch"])
        scores = [round(score, 3) for score in ours["scores"]]
        print(f"{name:<10}{alone:>10.1e}{batch:>10.1e}   {scores}")


if __name__ == "__main__":
    main()
