"""A few GRPO steps of TRL, rewarded by an exported model: TRL loads it as it does any sequence classification.

mlx-reward export hf_model                               where mlx-reward is
python examples/grpo_trl.py POLICY hf_model [STEPS]      where examples/requirements-trl.txt are; POLICY: a hub id or folder
"""

import json
import sys
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig
from trl import GRPOConfig, GRPOTrainer

ROOT = Path(__file__).parents[1]


def main() -> None:
    policy, reward_model = sys.argv[1:3]
    steps = int(sys.argv[3]) if len(sys.argv) > 3 else 4
    rows = [json.loads(line) for line in (ROOT / "data" / "starter" / "trivia.jsonl").open()][:16]
    prompts = Dataset.from_list(
        [{"prompt": [{"role": "user", "content": row["prompt"]}]} for row in rows]
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
            print(
                f"step {entry['step']}: mean reward {entry['reward']:+.3f}, deviation {entry['reward_std']:.3f}"
            )


if __name__ == "__main__":
    main()
