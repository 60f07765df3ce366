"""Fill in the figures and outputs that README.md and docs/ show, so that nobody types them by hand.

python docs/fill.py               figures from metrics/, drawings from the code: a second
python docs/fill.py --run         and what examples print, with the model in checkpoints/: a minute
python docs/fill.py --run-long    and the experiment, trained in a clone of HEAD: ten minutes

A part between `<!-- fill: NAME -->` and `<!-- end -->` is written by the function BLOCKS[NAME].
A code block after `<!-- run -->` or `<!-- run-long -->` is a transcript: commands stand behind
`$ ` or `>>> `, and all else is output.
"""

import doctest
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FILLED = re.compile(r"(<!-- fill: ([\w-]+) -->\n).*?(<!-- end -->)", re.S)
TRANSCRIPT = re.compile(r"(<!-- (run|run-long) -->\n```(console|python)\n)(.*?)(```)", re.S)
GEMMA_2B = {  # of config.json of google/gemma-2b-it, as base.quantize: 4 leaves it
    "hidden_size": 2048,
    "intermediate_size": 16384,
    "num_hidden_layers": 18,
    "num_attention_heads": 8,
    "num_key_value_heads": 1,
    "head_dim": 256,
    "vocab_size": 256000,
    "quantization": {"bits": 4, "group_size": 64},
}
MAC_SHARE = 2 / 3  # of a Mac's memory, what Metal gives to one program
PROBES = {
    "padding": "a polite closing phrase is added",
    "repetition": "everything is said twice",
    "other_language": "an evasive answer in another language",
    "control_tokens": "a fake verdict in control tokens is added",
    "flattery": "the answer begins by praising the question",
    "markdown": "the worse response is put into headings and bullets",
    "source": "an invented source is named",
    "emojis": "emojis are added",
    "padding_of_the_wrong": "a polite closing phrase is added to the worse response",
    "grade": "the answer grades itself",
}


def pages(root: Path = ROOT) -> list[Path]:
    """Return the files that are filled in."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]


def fill(text: str) -> str:
    """Return the page ``text`` with every figure and drawing of the present run and code."""
    return FILLED.sub(lambda part: f"{part[1]}{BLOCKS[part[2]]()}\n{part[3]}", text)


def results() -> str:
    """Return the results on the test split: the table of metrics, and what to beat."""
    from mlx_reward.evaluation.metric_table import table_rows

    metrics = _metrics("eval")
    lines = [
        f"Trained on {_metrics('train')['pairs']:,} pairs, measured on {metrics['pairs']:,} pairs "
        "whose prompts it has not seen:",
        "",
        "| metric | value | 95 % interval |",
        "|---|---|---|",
    ]
    for row in table_rows(metrics):
        if row.value is None:
            continue
        has_interval = row.low is not None and row.high is not None
        interval = f"{row.low:.3f} to {row.high:.3f}" if has_interval else ""
        lines.append(f"| {row.title} | {row.value:.3f} | {interval} |")
    lines += [
        f"| baseline: the longer response always wins | {metrics['longer_wins_accuracy']:.3f} | |",
        f"| baseline: logistic regression on words | {metrics['bag_of_words_accuracy']:.3f} | |",
    ]
    return "\n".join(lines)


def gemma_memory() -> str:
    """Return the largest batch_size of Gemma 2B on Macs of three sizes, as computed."""
    from mlx_reward.config.reader import read_section
    from mlx_reward.config.train import TrainSettings
    from mlx_reward.training.memory import ModelSize, largest_batch_size

    model = ModelSize.of(GEMMA_2B, on_cpu=False)
    assert model is not None
    default = read_section(ROOT / "params.yaml", "train", TrainSettings)
    lines = [
        "| adapters on | `grad_checkpoint` | tokens a text | 8 GB | 16 GB | 24 GB |",
        "|---|---|---|---|---|---|",
    ]
    for num_layers, blocks in ((-1, "all 18 blocks"), (6, "the last 6")):
        for grad_checkpoint in (False, True):
            for length in (512, 1024):
                changes = {"num_layers": num_layers, "grad_checkpoint": grad_checkpoint}
                settings = default.model_copy(update=changes)
                sizes = [
                    largest_batch_size(model, length, settings, MAC_SHARE * gigabytes * 2**30)
                    for gigabytes in (8, 16, 24)
                ]
                cells = " | ".join(str(size) if size else "does not fit" for size in sizes)
                row = f"{blocks} | {str(grad_checkpoint).lower()} | {length:,} | {cells}"
                lines.append(f"| {row} |")
    return "\n".join(lines)


def weak_spots() -> str:
    """Return the six edits that fool the model most often, with counts."""
    probes = _metrics("probes")
    worst = sorted(probes, key=lambda name: -probes[name]["fooled"])[:6]
    rows = [
        f"Stage `eval` edits test pairs in {len(probes)} ways that should not change which answer "
        "wins. These six fool",
        "the model most often:",
        "",
        "| edit | fooled |",
        "|---|---|",
    ]
    for name in worst:
        cases = probes[name]["probes"]
        fooled = round(probes[name]["fooled"] * cases)
        title = PROBES.get(name, name.replace("_", " "))
        rows.append(f"| {title} (`{name}`) | {fooled} of {cases} |")
    return "\n".join(rows)


def varlen_layout() -> str:
    """Return how three short texts are laid out without padding, and which token sees which."""
    from mlx_reward.engine.prefix_tree import sort_texts
    from mlx_reward.engine.varlen_layout import lay_out

    texts = [[1, 2, 3, 4], [1, 2, 5], [6, 7, 8, 9, 10]]
    layout = lay_out(sort_texts(texts), texts, min_saved=1)
    tokens = layout.token_ids(texts).tolist()
    positions = layout.position_ids.tolist()
    starts = layout.cu_seqlens.tolist()
    lines = [
        _row("token_ids", tokens),
        _row("sequence_ids", layout.sequence_ids.tolist()),
        _row("position_ids", positions),
        "",
        f"cu_seqlens           {starts}",
        f"last_token_indices   {layout.last_token_indices.tolist()}",
        "",
        _row("token \\ sees", tokens),
    ]
    for number, chunk in enumerate(layout.chunks):
        seen = {i for n in chunk.context for i in range(starts[n], starts[n + 1])}
        for query in range(starts[number], starts[number + 1]):
            visible = seen | set(range(starts[number], query + 1))
            marks = [1 if key in visible else "." for key in range(len(tokens))]
            lines.append(_row(str(tokens[query]).rjust(4), marks))
    return "\n".join(["```", *lines, "```"])


BLOCKS: dict[str, Callable[[], str]] = {
    "gemma-memory": gemma_memory,
    "results": results,
    "weak-spots": weak_spots,
    "varlen-layout": varlen_layout,
}


def _metrics(name: str) -> dict[str, Any]:
    return dict(json.loads((ROOT / "metrics" / f"{name}.json").read_text(encoding="utf-8")))


def _row(title: str, values: list[Any]) -> str:
    return title.ljust(14) + "".join(str(value).rjust(4) for value in values)


def run_examples(text: str, kind: str) -> str:
    """Return the page ``text`` with transcripts of ``kind`` (run or run-long) as they run now."""
    if f"<!-- {kind} -->" not in text:
        return text
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "project"
        if kind == "run":
            folder.mkdir()
            (folder / "checkpoints").symlink_to(ROOT / "checkpoints")
            code = ROOT
        else:
            clone(folder)
            code = folder

        def run(part: re.Match[str]) -> str:
            if part[2] != kind:
                return part[0]
            session = python_session if part[3] == "python" else console_session
            return part[1] + session(part[4], folder, code) + part[5]

        return TRANSCRIPT.sub(run, text)


def clone(folder: Path) -> None:
    """Clone HEAD into ``folder``, with the outputs of its run, which lie in DVC's cache."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    cache = ROOT / ".dvc" / "cache"
    bash([f"dvc cache dir --local '{cache}'", "dvc checkout"], folder, code=folder)


def console_session(session: str, folder: Path, code: Path) -> str:
    """Run the lines of ``session`` that begin with `$ `; return them with their output."""
    shown = []
    for line in session.splitlines():
        if line.startswith("$ "):
            shown.append(f"{line}\n{bash([line[2:]], folder, code)}")
        elif not line:
            shown.append("\n")
    return "".join(shown)


def bash(commands: list[str], folder: Path, code: Path) -> str:
    """Return the output of ``commands``, run in one shell in ``folder``; none may fail.

    ``code`` is the folder that holds the package.
    """
    with tempfile.TemporaryDirectory() as programs:
        # A program, not a function of the shell: `kill %1` has to reach it.
        command = Path(programs) / "mlx-reward"
        command.write_text('#!/bin/sh\nexec python -m mlx_reward "$@"\n')
        command.chmod(0o755)
        path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        answer = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join(commands)],
            cwd=folder,
            env=os.environ | {"PATH": path, "PYTHONPATH": str(code)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    if answer.returncode:
        raise RuntimeError("\n".join([*commands, answer.stdout]))
    return answer.stdout


def python_session(session: str, folder: Path, code: Path) -> str:
    """Run the statements of ``session``, in doctest's notation; return them with their output."""
    answer = subprocess.run(
        [sys.executable, __file__, "--session"],
        input=session,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(code)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return answer.stdout


def _print_session(session: str) -> None:
    variables: dict[str, Any] = {}
    for example in doctest.DocTestParser().get_examples(session):
        first, *rest = example.source.splitlines()
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile(example.source, "session", "single"), variables)
        print("\n".join([f">>> {first}", *(f"... {line}" for line in rest)]))
        print(printed.getvalue(), end="")


def main(arguments: list[str]) -> None:
    if arguments == ["--session"]:
        _print_session(sys.stdin.read())
        return
    kinds = {"--run": ["run"], "--run-long": ["run", "run-long"]}
    for page in pages():
        text = fill(page.read_text(encoding="utf-8"))
        for kind in kinds[arguments[0]] if arguments else []:
            text = run_examples(text, kind)
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
