"""TRL and transformers on torch, on the work that speed.py hands them; their environment is
requirements-peer.txt.

python benchmarks/peer.py JOB WORK.json MODEL.gguf bfloat16|float32        (speed.py calls this)
"""

import json
import os
import resource
import sys
import tempfile
import time
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback

DEVICE = (
    "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
)


def load(gguf: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """The same weights as ours, with a head for one reward."""
    folder, file = gguf.rsplit("/", 1)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, gguf_file=file, num_labels=1, dtype=dtype
    )
    model.is_quantized = False  # the weights were unpacked on the way in, but the trainer would refuse them for their origin
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    return model.to(DEVICE), tokenizer


LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class Clock(TrainerCallback):  # type: ignore[misc]  # torch's environment has no mypy
    """Times of the step ends."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.ends.append(time.perf_counter())


def train(work: dict[str, Any], gguf: str, dtype: torch.dtype) -> dict[str, float]:
    """Seconds a pair of TRL's RewardTrainer, the first two steps left out."""
    from datasets import Dataset
    from peft import LoraConfig
    from trl import RewardConfig, RewardTrainer

    model, tokenizer = load(gguf, dtype)
    layers = work["layers"]
    lora = LoraConfig(r=8, lora_alpha=16, lora_dropout=0, target_modules=LINEAR, task_type="SEQ_CLS",
                      layers_to_transform=None if layers < 0 else list(range(30 - layers, 30)))  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        config = RewardConfig(folder, per_device_train_batch_size=8, max_steps=work["steps"], max_length=1024,
                              learning_rate=1e-4, bf16=False, gradient_checkpointing=False, report_to="none",
                              use_cpu=DEVICE == "cpu", save_strategy="no", logging_strategy="no", disable_tqdm=True,
                              train_sampling_strategy="group_by_length" if work.get("group") else "random")  # fmt: skip
        clock = Clock()
        data = Dataset.from_list(work["pairs"])
        RewardTrainer(
            model,
            args=config,
            train_dataset=data,
            processing_class=tokenizer,
            peft_config=lora,
            callbacks=[clock],
        ).train()
    return {"seconds": clock.ends[-1] - clock.ends[1], "units": 8 * (len(clock.ends) - 2)}


@torch.no_grad()
def score(work: dict[str, Any], gguf: str, dtype: torch.dtype) -> dict[str, float]:
    """Texts sorted by length, in padded batches."""
    model, tokenizer = load(gguf, dtype)
    model.eval()
    texts = sorted(work["texts"], key=len)
    groups = [texts[i : i + work["batch"]] for i in range(0, len(texts), work["batch"])]
    groups = groups[:: work.get("every", 1)]
    encoded = [
        tokenizer(g, return_tensors="pt", padding=True, truncation=True, max_length=1024).to(DEVICE)
        for g in groups
    ]
    model(**encoded[0]).logits.cpu()
    start = time.perf_counter()
    for batch in encoded:
        model(**batch).logits.cpu()  # waits until it is there
    tokens = sum(int(batch["attention_mask"].sum()) for batch in encoded)
    return {
        "seconds": time.perf_counter() - start,
        "units": sum(map(len, groups)) * work.get("units_a_text", 1),
        "tokens": tokens,
    }


def peak_mb() -> float:
    """Of the accelerator where there is one that counts, of the process otherwise."""
    if DEVICE == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        2**20 if sys.platform == "darwin" else 2**10
    )


def main() -> None:
    job, path, gguf, dtype = sys.argv[1:]
    with open(path) as file:
        work = json.load(file)
    found = {"train": train, "score": score}[job](work, gguf, getattr(torch, dtype))
    print(json.dumps(found | {"peak_mb": peak_mb()}))


if __name__ == "__main__":
    main()
