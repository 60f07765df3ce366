"""Attacks through files: targets that must stay, hostile rows, archives, checkpoints and GGUF."""

import gzip
import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf as gguf_writer
from attack_tools import MODEL, Family, Outcome, Setting, run_all, tree
from backports import zstd

from tests.backbones.test_gguf import write_gguf

ODD = [
    *("NaN", "-Infinity", "1e999", "-0.0", "1e-400", "null", "true", '""', '"\\ud800"'),
    *('"\\u0000"', "[]", "{}", "[NaN]", '{"a": {"b": 1e999}}', '{"a": 1, "a": 2}'),
    *("1" * 401, "1" * 5000, "[" * 90 + "]" * 90, "[" * 3000 + "]" * 3000, '"' + "x" * 9999 + '"'),
]
FIELDS = [
    *("note", "error", "reward", "rewards", "uncertainty", "uncertainties", "order", "id"),
    *("probability", "score", "meta", "messages", "responses", "chosen", "label", "\\ud800", ""),
]
WRONG = [None, True, -1, 0, 1, 10**9, 2**63, 1e308, "", "x", "2", [], [1], {}, {"a": 1}, "{% for"]
CHECKPOINT_JSON = [
    *("rm_model_bt/reward_config.json", "rm_model_bt/adapter_config.json", "calibration.json"),
    *("rm_model_bt/member-2/adapter_config.json", "sft_merged_model/config.json"),
]
CHECKPOINT_WEIGHTS = [
    *("rm_model_bt/adapters.safetensors", "rm_model_bt/reward_head.safetensors"),
    *("rm_model_bt/member-2/adapters.safetensors", "sft_merged_model/model.safetensors"),
]


def targets(setting: Setting) -> Iterator[Outcome]:
    """Every command that writes, to every target that it must leave alone."""
    attacks = [
        (command, target, overwrite)
        for target in (".", "..", "ck", "ck/rm_model_bt", "own", "own/thesis.txt", "link", "hf")
        for command in ("export", "fuse", "import")
        for overwrite in (False, True)
    ]
    attacks += [
        (command, target, False)
        for target in ("rows.jsonl", "same.jsonl", "own", "gone/x.jsonl", "null")
        for command in ("score", "rank", "label", "filter")
    ]
    setting.generator.shuffle(attacks)
    here = setting.folder / "a" / "here"
    jobs = []
    for command, target, overwrite in attacks[: setting.count]:
        jobs.append({"cwd": str(here), "command": _command(command, target, overwrite)})
    _make_targets(here)
    before = tree(setting.folder)
    for attack, answer in zip(attacks, run_all(jobs), strict=False):
        after = tree(setting.folder)
        harmless = attack[1] == "null"  # written to, and still what it was
        problem = answer.problem or (None if after == before else "files were lost or changed")
        if problem is None and answer.exit_code == 0 and not harmless:
            problem = "was not refused"
        yield Outcome(" ".join(map(str, attack)), problem)
        if after != before:
            shutil.rmtree(setting.folder / "a", ignore_errors=True)  # with all that hid in it
            _make_targets(here)


def _make_targets(here: Path) -> None:
    shutil.copytree(MODEL, here / "ck")
    (here / "own").mkdir()
    (here / "own" / "thesis.txt").write_text("ten years")
    (here / "link").symlink_to("own")
    shutil.copytree(MODEL / "sft_merged_model", here / "hf")
    config = json.loads((here / "hf" / "config.json").read_text())
    config["architectures"] = ["LlamaForSequenceClassification"]
    (here / "hf" / "config.json").write_text(json.dumps(config))
    rows = [{"prompt": "q", "responses": ["a", "bb"], "reward": 1.0}] * 3
    (here / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    os.link(here / "rows.jsonl", here / "same.jsonl")
    (here / "null").symlink_to("/dev/null")


def _command(command: str, target: str, overwrite: bool) -> list[str]:
    model = ["-m", "ck/rm_model_bt"]
    if command == "import":
        arguments = ["import", "hf", "-o", target]
    elif command in ("export", "fuse"):
        to = "mlx" if command == "fuse" else "transformers"
        arguments = ["export", target, "--to", to, *model]
    elif command == "filter":
        arguments = ["filter", "rows.jsonl", "--top", "0.5", "-o", target]
    else:
        arguments = [command, "rows.jsonl", "-o", target, *model]
    return [*arguments, "--overwrite"] if overwrite else arguments


def rows(setting: Setting) -> Iterator[Outcome]:
    """An odd value in one row; the others must come out as they would without it."""
    generator = setting.generator
    good = json.dumps({"prompt": "q", "responses": ["a", "bb"], "reward": 0.5})
    attacks = []
    jobs = []
    for number in range(setting.count):
        field, odd = generator.choice(FIELDS), generator.choice(ODD)
        command = generator.choice(["score", "rank", "label", "filter"])
        name = f"{number}.jsonl"
        (setting.folder / name).write_text(f'{good}\n{good[:-1]}, "{field}": {odd}}}\n{good}\n')
        attacks.append((command, field, odd[:20], setting.folder / f"{number}.out"))
        model = ["-m", str(MODEL / "rm_model_bt")]
        arguments = [command, name, "-o", f"{number}.out"]
        arguments += ["--top", "1"] if command == "filter" else model
        jobs.append({"cwd": str(setting.folder), "command": arguments})
    for (command, field, odd, output), answer in zip(attacks, run_all(jobs), strict=True):
        problem = answer.problem or answer.refused or _wrong_rows(output)
        yield Outcome(f"{command}, {field!r}: {odd}", problem)


def _wrong_rows(output: Path) -> str | None:
    """Return what is wrong with the first and the last row, which were plain and the same."""
    found = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    if len(found) < 2 or found[0] != found[-1] or "error" in found[0]:
        return f"the plain rows came out as {found[0]} and {found[-1]}"
    return None


def archives(setting: Setting) -> Iterator[Outcome]:
    """Cut, changed and enormous archives."""
    plain = b'{"prompt": "a", "response": "b"}\n' * 2000
    packed = {".gz": gzip.compress(plain), ".zst": zstd.compress(plain)}
    attacks: dict[str, bytes] = {"bomb.jsonl.zst": _bomb(), "bomb.csv.zst": _bomb()}
    for number in range(setting.count - len(attacks)):
        suffix = setting.generator.choice(sorted(packed))
        attacks[f"{number}.jsonl{suffix}"] = damaged(packed[suffix], setting.generator)
    for name, content in attacks.items():
        (setting.folder / name).write_bytes(content)
    model = str(MODEL / "rm_model_bt")
    jobs = [
        {"cwd": str(setting.folder), "command": ["score", name, "-o", "out", "-m", model]}
        for name in attacks
    ]
    for name, answer in zip(attacks, run_all(jobs), strict=True):
        yield Outcome(name, answer.problem)


def _bomb() -> bytes:
    """Return some 50 KB that unpack to 1.5 GB of one line."""
    compressor = zstd.ZstdCompressor()
    parts = [compressor.compress(bytes(1 << 20)) for _ in range(1500)]
    return b"".join([*parts, compressor.flush()])


def damaged(whole: bytes, generator: random.Random, within: int | None = None) -> bytes:
    """Return ``whole`` cut, or with some bytes changed, of the first ``within``."""
    if generator.random() < 0.3:
        return whole[: generator.randrange(len(whole))]
    changed = bytearray(whole)
    for _ in range(generator.randrange(1, 4)):
        changed[generator.randrange(within or len(whole))] = generator.randrange(256)
    return bytes(changed)


def checkpoints(setting: Setting) -> Iterator[Outcome]:
    """A checkpoint of a stranger: JSON of wrong types, damaged weights."""
    (setting.folder / "one.jsonl").write_text('{"prompt": "a", "response": "b"}\n')
    attacks = [_attack_checkpoint(setting, number) for number in range(setting.count)]
    jobs = [
        {
            "cwd": str(setting.folder),
            "command": ["score", "one.jsonl", "-m", f"{number}/rm_model_bt", "-o", f"{number}.out"],
        }
        for number in range(setting.count)
    ]
    for number, (attack, answer) in enumerate(zip(attacks, run_all(jobs), strict=True)):
        output = setting.folder / f"{number}.out"
        problem = answer.problem
        if problem is None and answer.exit_code == 0 and "NaN" in output.read_text():
            problem = "a reward is no number"
        yield Outcome(attack, problem)


def _attack_checkpoint(setting: Setting, number: int) -> str:
    """Write a checkpoint with one thing wrong; return what."""
    generator = setting.generator
    folder = setting.folder / str(number)
    shutil.copytree(MODEL, folder)
    if generator.random() < 0.4:
        name = generator.choice(CHECKPOINT_WEIGHTS)
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(damaged(whole, generator, within=min(len(whole), 2000)))
        return f"{name} damaged"
    name = generator.choice(CHECKPOINT_JSON)
    fields = json.loads((folder / name).read_text())
    place: Any = fields
    key = generator.choice(sorted(place))
    while isinstance(place[key], dict) and place[key] and generator.random() < 0.7:
        place = place[key]
        key = generator.choice(sorted(place))
    place[key] = generator.choice(WRONG)
    (folder / name).write_text(json.dumps(fields))
    return f"{name}: {key} is {str(place[key])[:20]!r}"


def gguf(setting: Setting) -> Iterator[Outcome]:
    """Damaged GGUF files, most of them in their header."""
    whole_file = setting.folder / "whole.gguf"
    write_gguf(whole_file, gguf_writer.GGMLQuantizationType.Q4_1)
    whole = whole_file.read_bytes()
    header = whole.find(b"output_norm") + 2000
    names = [f"{number}.gguf" for number in range(setting.count)]
    for name in names:
        (setting.folder / name).write_bytes(damaged(whole, setting.generator, within=header))
    jobs = [{"cwd": str(setting.folder), "gguf": name} for name in names]
    for name, answer in zip(names, run_all(jobs), strict=True):
        yield Outcome(name, answer.problem)


FAMILIES = (
    Family("targets", targets),
    Family("rows", rows),
    Family("archives", archives),
    Family("checkpoints", checkpoints),
    Family("gguf", gguf),
)
