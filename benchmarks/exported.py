"""Exported models in transformers on torch against mlx-reward: largest difference of a score, alone
and in a padded batch.

python benchmarks/exported.py PEER_PYTHON       PEER_PYTHON: the interpreter of an environment with
requirements-peer.txt

Tiny random models of every architecture that can be exported, and the trained model in checkpoints/
where there is one.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import mlx_reward.cpu  # noqa: F401  # before mlx

# isort: split
from mlx_reward.exchange.to_transformers import export
from mlx_reward.inference.reward_model import RewardModel
from tests import tiny
from tests.exchange.test_exchange import trained

ROOT = Path(__file__).parents[1]
PROMPTS = [
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
    model, notes = AutoModelForSequenceClassification.from_pretrained(work["folder"], output_loading_info=True)
    assert not notes["missing_keys"] and not notes["unexpected_keys"], notes
    tokenizer = AutoTokenizer.from_pretrained(work["folder"])
    texts = [tokenizer.apply_chat_template(m, tokenize=False) for m in work["messages"]]
    def score(batch):
        inputs = tokenizer(batch, return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.no_grad():
            return model.eval()(**inputs).logits[:, 0].tolist()
    print(json.dumps({"alone": [score([t])[0] for t in texts], "batch": score(texts)}), flush=True)
"""


def messages() -> list[list[dict[str, str]]]:
    asked = [p if isinstance(p, list) else [{"role": "user", "content": p}] for p in PROMPTS]
    return [
        [*before, {"role": "assistant", "content": r}]
        for before, r in zip(asked, RESPONSES, strict=True)
    ]


def prepared(name: str, folder: Path) -> dict[str, Any]:
    """Export ``name``; what it scores here."""
    if name == "trained":
        model, base = (
            ROOT / "checkpoints" / "rm_model_bt",
            ROOT / "checkpoints" / "sft_merged_model",
        )
    else:
        base = trained(folder, name, bits=4)
        model = folder / "rm_model_bt"
    bias = export(model, base, folder / "hf")
    scores = RewardModel.load(model, base).score(PROMPTS, RESPONSES) - bias
    return {"folder": str(folder / "hf"), "messages": messages(), "scores": scores.tolist()}


def main() -> None:
    names = [*tiny.EXTRA, *(["trained"] if (ROOT / "checkpoints" / "rm_model_bt").exists() else [])]
    with tempfile.TemporaryDirectory() as temporary:
        work = [prepared(name, Path(temporary) / name) for name in names]
        lines = "".join(json.dumps(w) + "\n" for w in work)
        answer = subprocess.run(
            [sys.argv[1], "-c", PEER], input=lines, capture_output=True, text=True
        )
    if answer.returncode:
        raise SystemExit(answer.stderr[-2000:])
    print(f"{'':<10}{'alone':>10}{'batch':>10}   scores")
    for name, ours, theirs in zip(
        names, work, map(json.loads, answer.stdout.splitlines()), strict=True
    ):
        apart = [
            max(abs(a - b) for a, b in zip(ours["scores"], theirs[how], strict=True))
            for how in ("alone", "batch")
        ]
        print(
            f"{name:<10}{apart[0]:>10.1e}{apart[1]:>10.1e}   {[round(s, 3) for s in ours['scores']]}"
        )


if __name__ == "__main__":
    main()
