"""A few GRPO steps of mlx-lm-lora on the small backbone.

The trained model in checkpoints/ gives the rewards.

pip install -r examples/requirements-mlx-lm-lora.txt
python examples/grpo_mlx_lm_lora.py [STEPS]
"""

import json
import sys
from pathlib import Path

from mlx_reward import RewardModel  # before mlx, so that it can choose the BLAS

# isort: split
import mlx.core as mx
import mlx_lm
from mlx.optimizers import Adam
from mlx_lm.tuner.utils import linear_to_lora_layers
from mlx_lm_lora.trainer.datasets import GRPODataset
from mlx_lm_lora.trainer.grpo_trainer import GRPOTrainingArgs, train_grpo

from mlx_reward.inference.rl import reward_function

ROOT = Path(__file__).parents[1]
BASE = ROOT / "checkpoints" / "sft_merged_model"
PROMPTS = 16


def main() -> None:
    """Train for STEPS steps; mlx-lm-lora prints its log."""
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    reward = reward_function(RewardModel.load(ROOT / "checkpoints" / "rm_model_bt", BASE))
    policy, tokenizer = mlx_lm.load(str(BASE))
    policy.freeze()
    linear_to_lora_layers(policy, 4, {"rank": 8, "scale": 2.0, "dropout": 0.0})
    lines = (ROOT / "data" / "starter" / "trivia.jsonl").read_text().splitlines()[:PROMPTS]
    rows = [
        {"prompt": json.loads(line)["prompt"], "answer": "", "system": "Answer in a sentence."}
        for line in lines
    ]
    prompts = GRPODataset(rows, tokenizer)
    mx.random.seed(0)
    train_grpo(
        model=policy,
        ref_model=None,
        tokenizer=tokenizer,
        optimizer=Adam(learning_rate=1e-4),
        train_dataset=prompts,
        reward_funcs=[reward],
        args=GRPOTrainingArgs(
            iters=steps,
            batch_size=1,
            group_size=4,
            max_completion_length=32,
            temperature=0.9,
            steps_per_report=1,
            adapter_file="grpo_adapters.safetensors",
        ),
        end_answer_token="",
    )


if __name__ == "__main__":
    main()
