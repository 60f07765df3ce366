"""A few GRPO steps of TRL, rewarded by an exported model.

TRL loads the export like any other sequence classification model. Run

mlx-reward export hf_model

where mlx-reward is installed, then, where examples/requirements-trl.txt are,

python examples/grpo_trl.py POLICY hf_model [STEPS]

POLICY is a hub id or a folder.
"""

import json
import sys
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig
from trl import GRPOConfig, GRPOTrainer

ROOT = Path(__file__).parents[1]
PROMPTS = 16


def main() -> None:
    """Train for STEPS steps and print the rewards that TRL logged."""
    policy, reward_model = sys.argv[1:3]
    steps = int(sys.argv[3]) if len(sys.argv) > 3 else 4
    lines = (ROOT / "data" / "starter" / "trivia.jsonl").read_text().splitlines()[:PROMPTS]
    questions = [json.loads(line)["prompt"] for line in lines]
    prompts = Dataset.from_list(
        [{"prompt": [{"role": "user", "content": question}]} for question in questions]
    )
    settings = GRPOConfig(
        output_dir="grpo",
        max_steps=steps,
        per_device_train_batch_size=4,
        num_generations=4,
        max_completion_length=32,
        logging_steps=1,
        report_to="none",
        use_cpu=not torch.cuda.is_available(),
        bf16=torch.cuda.is_available(),
        seed=0,
    )
    trainer = GRPOTrainer(
        policy,
        reward_funcs=reward_model,
        args=settings,
        train_dataset=prompts,
        peft_config=LoraConfig(),
    )
    trainer.train()
    for entry in trainer.state.log_history:
        if "reward" in entry:
            rewards = f"mean reward {entry['reward']:+.3f}, deviation {entry['reward_std']:.3f}"
            print(f"step {entry['step']}: {rewards}")


if __name__ == "__main__":
    main()
