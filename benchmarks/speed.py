"""Compare the speed of mlx-reward with that of TRL and transformers, and print a table of ratios.

    python benchmarks/speed.py PEER_PYTHON [JOB ...]

Both run on the same machine, with the same pairs, backbone weights and LoRA rank (8): on the
accelerator where there is one (Metal, CUDA), on the CPU otherwise. PEER_PYTHON is the interpreter
of an environment with requirements-peer.txt. The peer runs in float32 and in bfloat16, and the
faster counts; it is timed on a few steps, and its rate is what is compared.

Data come from the folder that the environment variable PREFERENCE_DATA names. The variable PAIRS
(512) is how many pairs of HH-harmless mlx-reward trains on.
"""

import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).parents[1]
BASE = ROOT / "checkpoints" / "sft_merged_model"
DATA = Path(os.environ.get("PREFERENCE_DATA", ROOT.parent / "shared" / "data"))
PAIRS = int(os.environ.get("PAIRS", "512"))
HH = "hh_harmless_test_raw.jsonl.gz"
CONVARG = "convarg_pairs.jsonl.gz"
ULTRAFEEDBACK = "ultrafeedback_1200.jsonl.gz"

Row = dict[str, Any]
Text = tuple[Any, str]  # a prompt and a response
Run = dict[str, float]  # seconds, and how many units of work were done in them


@dataclass(frozen=True)
class Job:
    """A row of the table.

    ``ours`` does the work here. ``kind`` is the peer's function for it, and ``theirs`` returns what
    that function takes.
    """

    title: str
    unit: str
    ours: Callable[[], Run]
    kind: str
    theirs: Callable[[], Row]


def read_pairs(name: str, count: int) -> list[Row]:
    """Return the first ``count`` usable pairs of a file, converted as stage data does it."""
    return list(islice(_usable_pairs(name), count))


def _usable_pairs(name: str) -> Iterator[Row]:
    from mlx_reward.data.formats.convert import convert
    from mlx_reward.data.formats.row import BadRow

    with gzip.open(DATA / name, "rt") as file:
        for line in file:
            try:
                found = list(convert(json.loads(line)))
            except BadRow:
                continue
            yield from (item for item in found if isinstance(item, dict))


def conversation(prompt: Any, response: str) -> list[dict[str, str]]:
    """Return prompt and response as messages."""
    from mlx_reward.data.pair import as_messages

    return [*as_messages(prompt), {"role": "assistant", "content": response}]


def rows_for_trl(pairs: list[Row]) -> list[Row]:
    """Return the pairs as TRL's RewardTrainer takes them."""
    return [
        {
            "chosen": conversation(pair["prompt"], pair["chosen"]),
            "rejected": conversation(pair["prompt"], pair["rejected"]),
        }
        for pair in pairs
    ]


def both_responses(pairs: list[Row]) -> list[Text]:
    """Return both responses of each pair, with their prompt."""
    return [(pair["prompt"], pair[side]) for pair in pairs for side in ("chosen", "rejected")]


def different_responses(pairs: list[Row]) -> list[Text]:
    """Return every response once, with its prompt."""
    return list(dict.fromkeys(both_responses(pairs)))


def convarg_responses() -> list[Text]:
    """Return the different responses of convarg's pairs."""
    return different_responses(read_pairs(CONVARG, 9216))


def best_of_16() -> list[Text]:
    """Return 64 prompts of 512 tokens with 16 responses of 64 tokens each, cut out of real text."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(BASE)
    pairs = read_pairs(ULTRAFEEDBACK, 600)
    ids = tokenizer.encode("\n".join(pair["chosen"] for pair in pairs))
    prompts = [tokenizer.decode(ids[512 * i : 512 * (i + 1)]) for i in range(64)]
    responses = [tokenizer.decode(ids[40_000 + 64 * i : 40_064 + 64 * i]) for i in range(64 * 16)]
    return [(prompts[i // 16], response) for i, response in enumerate(responses)]


def rendered(texts: list[Text]) -> list[str]:
    """Return the texts in the backbone's chat template, as the peer scores them."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(BASE)
    return [
        tokenizer.apply_chat_template(conversation(prompt, response), tokenize=False)
        for prompt, response in texts
    ]


def train_ours(pairs: list[Row], num_layers: int, epochs: int, batch_size: int) -> Run:
    """Time all epochs, with what is computed once before them; units are pairs trained on."""
    import mlx.core as mx

    from mlx_reward.backbones.digest import digest
    from mlx_reward.backbones.load import load_backbone
    from mlx_reward.config.reader import read_section
    from mlx_reward.config.train import TrainSettings
    from mlx_reward.data.chat import load_renderer
    from mlx_reward.data.dataset import tokenize
    from mlx_reward.data.pair import Pair
    from mlx_reward.engine.engine import Engine
    from mlx_reward.engine.feature_store import frozen_features
    from mlx_reward.model.adapters import with_adapters
    from mlx_reward.training.trainer import Features, train

    rows = [
        Pair(prompt=pair["prompt"], chosen=pair["chosen"], rejected=pair["rejected"], id=str(i))
        for i, pair in enumerate(pairs)
    ]
    renderer = load_renderer(BASE, 1024)
    training = tokenize(rows, renderer)
    valid = tokenize(rows[:2], renderer)
    changes = {
        "num_layers": num_layers,
        "epochs": epochs,
        "batch_size": batch_size,
        "evals_per_epoch": 1,
    }
    settings = read_section(ROOT / "params.yaml", "train", TrainSettings).model_copy(update=changes)
    mx.random.seed(0)
    network = with_adapters(load_backbone(BASE), num_layers, rank=8, scale=2.0, dropout=0.0)
    engine = Engine(network)
    start = perf_counter()
    known = frozen_features(engine, training.texts, "auto", digest(BASE))
    train(engine, training, valid, settings, features=Features(train=known))
    return {"seconds": perf_counter() - start, "units": len(training.pairs) * epochs}


def score_ours(texts: list[Text]) -> Run:
    """Time the scoring of ``texts``, which are tokenized before; units are texts."""
    from mlx_reward.backbones.load import load_backbone
    from mlx_reward.data.chat import load_renderer
    from mlx_reward.engine.engine import Engine
    from mlx_reward.model.adapters import with_adapters

    engine = Engine(with_adapters(load_backbone(BASE), 8, rank=8, scale=2.0, dropout=0.0))
    renderer = load_renderer(BASE, 4096)
    tokens = [renderer.render(prompt, response).tokens for prompt, response in texts]
    engine.score(tokens[:8])  # what only the first call has to do
    start = perf_counter()
    engine.score(tokens)
    return {
        "seconds": perf_counter() - start,
        "units": len(texts),
        "tokens": sum(map(len, tokens)),
    }


def evaluate_ours(pairs: list[Row]) -> Run:
    """Time the scoring of all responses, each once; units are the pairs that they stand in."""
    return score_ours(different_responses(pairs)) | {"units": len(pairs)}


JOBS = {
    "train_all": Job(
        title="train, HH pairs, adapters on all layers",
        unit="pairs/s",
        ours=lambda: train_ours(read_pairs(HH, PAIRS), num_layers=-1, epochs=1, batch_size=8),
        kind="train",
        theirs=lambda: {"layers": -1, "steps": 5, "pairs": rows_for_trl(read_pairs(HH, 512))},
    ),
    "train_last8": Job(
        title="train, HH pairs, last 8 layers, 2 epochs",
        unit="pairs/s",
        ours=lambda: train_ours(read_pairs(HH, PAIRS), num_layers=8, epochs=2, batch_size=8),
        kind="train",
        theirs=lambda: {"layers": 8, "steps": 6, "pairs": rows_for_trl(read_pairs(HH, 512))},
    ),
    "convarg_epoch": Job(
        title="train, 2,000 convarg pairs, last 12 layers",
        unit="pairs/s",
        ours=lambda: train_ours(read_pairs(CONVARG, 2000), num_layers=12, epochs=1, batch_size=24),
        kind="train",
        theirs=lambda: {"layers": 12, "steps": 6, "pairs": rows_for_trl(read_pairs(CONVARG, 2000))},
    ),
    "score": Job(
        title="score convarg's different responses",
        unit="texts/s",
        ours=lambda: score_ours(convarg_responses()),
        kind="score",
        theirs=lambda: {"texts": rendered(convarg_responses()), "batch": 16, "every": 4},
    ),
    "evaluate": Job(
        title="evaluate convarg's pairs",
        unit="pairs/s",
        ours=lambda: evaluate_ours(read_pairs(CONVARG, 9216)),
        kind="score",
        theirs=lambda: {
            "texts": rendered(both_responses(read_pairs(CONVARG, 9216)[::100])),
            "batch": 16,
            "units_a_text": 0.5,
        },
    ),
    "best_of": Job(
        title="best of 16: prompts of 512 tokens, responses of 64",
        unit="texts/s",
        ours=lambda: score_ours(best_of_16()),
        kind="score",
        theirs=lambda: {"texts": rendered(best_of_16()), "batch": 16, "every": 16},
    ),
}


def run_theirs(python: str, job: Job, gguf: Path, dtype: str) -> Run:
    """Let peer.py do ``job`` in the interpreter ``python``."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(job.theirs(), file)
        file.flush()
        script = str(ROOT / "benchmarks" / "peer.py")
        return _run([python, script, job.kind, file.name, str(gguf), dtype])


def run_ours(name: str) -> Run:
    """Do a job in a process of its own, so that its peak of memory is its own.

    Its cache folder is empty but for the BLAS, so that no hidden states are known beforehand.
    """
    from mlx_reward.utils.cache_folder import cache_folder

    with tempfile.TemporaryDirectory() as temporary:
        cache = Path(temporary) / "mlx-reward"
        cache.mkdir()
        for library in cache_folder().glob("openblas*"):
            (cache / library.name).symlink_to(library)
        environment = os.environ | {"XDG_CACHE_HOME": temporary, "PYTHONPATH": str(ROOT)}
        return _run([sys.executable, str(Path(__file__)), "--ours", name], environment)


def _run(command: list[str], environment: dict[str, str] | None = None) -> Run:
    """Return the JSON object in the last line that ``command`` prints."""
    answer = subprocess.run(command, capture_output=True, text=True, env=environment)
    if answer.returncode:
        raise SystemExit(answer.stderr[-2000:])
    found: Run = json.loads(answer.stdout.splitlines()[-1])
    return found


def peak_mb() -> float:
    """Return the peak of the accelerator's memory, or of this process where there is none."""
    import mlx.core as mx

    if mx.default_device() != mx.Device(mx.cpu):
        return mx.get_peak_memory() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def compare(python: str, names: list[str]) -> None:
    """Print the table, a row for each job in ``names``."""
    from mlx_reward.backbones.wheel import model_file
    from mlx_reward.cpu import prepare

    columns = f"{'ours':>8}{'float32':>9}{'bfloat16':>9}{'times':>7}{'MB':>7}{'f32 MB':>8}"
    print(f"BLAS: {prepare.status()}\n{'':<58}{columns}")
    with model_file() as gguf:
        for name in names:
            job = JOBS[name]
            runs = [
                run_ours(name),
                run_theirs(python, job, gguf, "float32"),
                run_theirs(python, job, gguf, "bfloat16"),
            ]
            ours, float32, bfloat16 = (run["units"] / run["seconds"] for run in runs)
            times = ours / max(float32, bfloat16)
            rates = f"{ours:>8.2f}{float32:>9.2f}{bfloat16:>9.2f}{times:>7.1f}"
            memory = f"{runs[0]['peak_mb']:>7.0f}{runs[1]['peak_mb']:>8.0f}"
            print(f"{job.title + ', ' + job.unit:<58}{rates}{memory}", flush=True)


def main() -> None:
    import mlx_reward.cpu  # noqa: F401  # before mlx

    if len(sys.argv) < 2 or sys.argv[1] == "--help":
        print(__doc__, f"\nJOB is one of {', '.join(JOBS)}; without any, all run.", sep="")
    elif sys.argv[1] == "--ours":
        found = JOBS[sys.argv[2]].ours()
        print(json.dumps(found | {"peak_mb": peak_mb()}))
    else:
        compare(sys.argv[1], sys.argv[2:] or list(JOBS))


if __name__ == "__main__":
    main()
