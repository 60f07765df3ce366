"""Run TRL and transformers on torch on the work that speed.py hands them.

    python benchmarks/peer.py train|score WORK.json MODEL.gguf bfloat16|float32

speed.py calls this in an environment with requirements-peer.txt. It prints seconds, how many units
of work were done in them, and the peak of memory, as a JSON object.
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


LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
BLOCKS = 30  # of the backbone
BATCH_SIZE = 8
WARM_UP_STEPS = 2  # not timed


def load(gguf: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """Return mlx-reward's backbone with a head for one reward, and its tokenizer."""
    folder, file = gguf.rsplit("/", 1)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, gguf_file=file, num_labels=1, dtype=dtype
    )
    # The weights were unpacked on the way in, but the trainer would refuse them for their origin.
    model.is_quantized = False
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    return model.to(DEVICE), tokenizer


class Clock(TrainerCallback):  # type: ignore[misc]  # torch's environment has no mypy
    """Notes when each step ends."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.ends.append(time.perf_counter())


def train(work: dict[str, Any], gguf: str, dtype: torch.dtype) -> dict[str, float]:
    """Time some steps of TRL's RewardTrainer; units are pairs."""
    from datasets import Dataset
    from peft import LoraConfig
    from trl import RewardConfig, RewardTrainer

    model, tokenizer = load(gguf, dtype)
    layers = work["layers"]
    lora = LoraConfig(
        r=8,
        lora_alpha=16,
        lora_dropout=0,
        target_modules=LINEAR,
        task_type="SEQ_CLS",
        layers_to_transform=None if layers < 0 else list(range(BLOCKS - layers, BLOCKS)),
    )
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        config = RewardConfig(
            folder,
            per_device_train_batch_size=BATCH_SIZE,
            max_steps=work["steps"],
            max_length=1024,
            learning_rate=1e-4,
            bf16=False,
            gradient_checkpointing=False,
            report_to="none",
            use_cpu=DEVICE == "cpu",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        trainer = RewardTrainer(
            model,
            args=config,
            train_dataset=Dataset.from_list(work["pairs"]),
            processing_class=tokenizer,
            peft_config=lora,
            callbacks=[clock],
        )
        trainer.train()
    timed_steps = len(clock.ends) - WARM_UP_STEPS
    return {
        "seconds": clock.ends[-1] - clock.ends[WARM_UP_STEPS - 1],
        "units": BATCH_SIZE * timed_steps,
    }


@torch.no_grad()
def score(work: dict[str, Any], gguf: str, dtype: torch.dtype) -> dict[str, float]:
    """Time the scoring of texts, sorted by length, in padded batches; units are texts.

    Where ``work`` says so, only every so many a batch is scored, or a text is part of a unit.
    """
    model, tokenizer = load(gguf, dtype)
    model.eval()
    texts = sorted(work["texts"], key=len)
    batches = [texts[i : i + work["batch"]] for i in range(0, len(texts), work["batch"])]
    batches = batches[:: work.get("every", 1)]
    encoded = [_encode(tokenizer, batch) for batch in batches]
    model(**encoded[0]).logits.cpu()  # what only the first call has to do
    start = time.perf_counter()
    for inputs in encoded:
        model(**inputs).logits.cpu()  # waits until it is there
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "units": sum(map(len, batches)) * work.get("units_a_text", 1),
        "tokens": sum(int(inputs["attention_mask"].sum()) for inputs in encoded),
    }


def _encode(tokenizer: Any, texts: list[str]) -> Any:
    inputs = tokenizer(texts, return_tensors="pt", padding=True, truncation=True, max_length=1024)
    return inputs.to(DEVICE)


def peak_mb() -> float:
    """Return the peak of CUDA memory, or else of this process."""
    if DEVICE == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    bytes_a_unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * bytes_a_unit / 2**20


def main() -> None:
    job, path, gguf, dtype = sys.argv[1:]
    with open(path) as file:
        work = json.load(file)
    found = {"train": train, "score": score}[job](work, gguf, getattr(torch, dtype))
    print(json.dumps(found | {"peak_mb": peak_mb()}))


if __name__ == "__main__":
    main()
