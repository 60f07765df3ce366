"""A checkpoint from a stranger loads, or is refused in one line, in seconds; it runs no code."""

import json
import os
import shutil
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.utils import template_guard
from mlx_reward.utils.errors import InputError

ADAPTERS = {"rank": 4, "scale": 2.0, "dropout": 0.1}
REWARD_CONFIGS: list[dict[str, Any]] = [
    *({"params": value} for value in ([1], None, "x", {"members": 10**9}, {"members": "2"})),
    *({"params": value} for value in ({"members": -1}, {"head": "evil"}, {"head": 1})),
    *({"params": value} for value in ({"fine_tune_type": "full", "num_layers": "x"},)),
    *({"chat_template": value} for value in (5, None, "{% for", "{{ 1/0 }}{% raw %}")),
    {"chat_template": "{{ 'a' * 9999999999 }}"},
    {"chat_template": "{{ 9 ** 9 ** 9 }}"},
    {"chat_template": "{{ 'a' * 999999 * 999999 }}"},
    {"chat_template": "(" * 9 + "{{" + "(" * 20000},
    *({"max_seq_length": value} for value in ("x", 0, -5, 1.5, True)),
    *({"reward_mean": value} for value in ("x", float("nan"), None)),
    *({"reward_std": value} for value in ("x", -1.0, float("inf"))),
    *({"base": value} for value in (5, None, [])),
    {"base_digest": "0"},
    {"another": 1},
]
ADAPTER_CONFIGS: list[Any] = [
    {},
    [],
    *(
        {"fine_tune_type": "lora", "num_layers": 2, "lora_parameters": ADAPTERS | change}
        for change in ({"rank": -1}, {"rank": 10**8}, {"rank": "4"}, {"dropout": 7}, {"keys": 5})
    ),
    {"fine_tune_type": "evil", "num_layers": 2, "lora_parameters": ADAPTERS},
    {"fine_tune_type": "lora", "num_layers": "2", "lora_parameters": ADAPTERS},
    {"fine_tune_type": "lora", "num_layers": 2, "lora_parameters": None},
]
CALIBRATIONS: list[Any] = [
    *({}, [], {"temperature": "x"}, {"temperature": 0}, {"temperature": float("nan")}),
    *({"temperature": 1, "knots": knots} for knots in ([1], "x", [[1, "x"]], [[2, 2], [1, 1]])),
]


@pytest.fixture
def copy(checkpoints: Path, tmp_path: Path) -> Path:
    shutil.copytree(checkpoints, tmp_path / "ck")
    return tmp_path / "ck"


def refused(folder: Path) -> str:
    start = time.monotonic()
    with pytest.raises(InputError) as caught:
        RewardModel.load(folder / "rm_model_bt").score(["q"], ["a"])
    assert time.monotonic() - start < 30
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("changes", REWARD_CONFIGS, ids=lambda changes: str(changes)[:40])
def test_reward_config_of_wrong_types(copy: Path, changes: dict[str, Any]) -> None:
    path = copy / "rm_model_bt" / "reward_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    refused(copy)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(("rm_model_bt/adapter_config.json", json.dumps(c)) for c in ADAPTER_CONFIGS),
        *(("calibration.json", json.dumps(c)) for c in CALIBRATIONS),
        ("rm_model_bt/reward_config.json", "[]"),
        ("rm_model_bt/reward_config.json", "[" * 100_000),
        ("sft_merged_model/config.json", "[]"),
        ("sft_merged_model/tokenizer.json", "{}"),
        ("sft_merged_model/tokenizer_config.json", "[]"),
    ],
)
def test_other_json_of_wrong_types(
    copy: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str
) -> None:
    ignore_digest(monkeypatch, copy)
    (copy / name).write_text(content)
    refused(copy)


@pytest.mark.parametrize(
    "changes",
    [
        {"num_hidden_layers": 10**9},
        {"num_hidden_layers": "3"},
        {"hidden_size": -1},
        {"hidden_size": [1]},
        {"num_attention_heads": 0},
        {"model_type": 7},
        {"quantization": 5},
        {"model_file": "evil.py"},
    ],
    ids=str,
)
def test_config_of_a_foreign_backbone(
    copy: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    ignore_digest(monkeypatch, copy)
    path = copy / "sft_merged_model" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    (path.parent / "evil.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(copy)
    refused(copy)
    assert not Path("ran").exists()


def test_code_beside_a_tokenizer_does_not_run_and_nobody_is_asked(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ignore_digest(monkeypatch, copy)
    path = copy / "sft_merged_model" / "tokenizer_config.json"
    code = {"auto_map": {"AutoTokenizer": ["evil.Evil", None]}, "tokenizer_class": "Evil"}
    path.write_text(json.dumps(json.loads(path.read_text()) | code))
    (path.parent / "evil.py").write_text("open('ran', 'w')\nclass Evil: pass\n")
    monkeypatch.chdir(copy)
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("a question"))
    with pytest.raises(InputError, match="transformers cannot open its tokenizer"):
        RewardModel.load(copy / "rm_model_bt")
    assert not Path("ran").exists()


def ignore_digest(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the stranger write the fitting digest, too."""
    recorded = json.loads((folder / "rm_model_bt" / "reward_config.json").read_text())
    monkeypatch.setattr("mlx_reward.model.checkpoint.digest", lambda _: recorded["base_digest"])


def header_with(**changes: Any) -> Callable[[bytes], bytes]:
    """Return a function that changes the entry of a safetensors file's first tensor."""

    def change(data: bytes) -> bytes:
        size = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8 : 8 + size])
        header[next(name for name in header if name != "__metadata__")].update(changes)
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data[8 + size :]

    return change


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "offset beyond the end": header_with(data_offsets=[0, 10**15]),
    "negative offset": header_with(data_offsets=[-8, 10]),
    "offsets reversed": header_with(data_offsets=[10, 0]),
    "huge shape": header_with(shape=[2**31, 2**31]),
    "negative shape": header_with(shape=[-1, -3]),
    "shape is text": header_with(shape="x"),
    "unknown type": header_with(dtype="X9"),
    "cut": lambda data: data[:-20],
    "cut in the header": lambda data: data[:30],
    "deep header": lambda data: struct.pack("<Q", 200_000) + b"[" * 200_000,
    "header of 2^62": lambda _: struct.pack("<Q", 2**62) + b"{}",
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    "name",
    [
        "rm_model_bt/adapters.safetensors",
        "rm_model_bt/reward_head.safetensors",
        "sft_merged_model/model.safetensors",
    ],
)
def test_a_damaged_file_of_weights(
    copy: Path, monkeypatch: pytest.MonkeyPatch, name: str, damage: str
) -> None:
    """MLX believes what the header says."""
    ignore_digest(monkeypatch, copy)
    (copy / name).write_bytes(DAMAGES[damage]((copy / name).read_bytes()))
    assert Path(name).name in refused(copy)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
@pytest.mark.parametrize(
    "name",
    [
        "adapters.safetensors",
        "reward_head.safetensors",
        "adapter_config.json",
        "reward_config.json",
    ],
)
def test_what_is_no_file(copy: Path, name: str, make: Callable[[Path], None]) -> None:
    """To open a pipe would wait for ever."""
    path = copy / "rm_model_bt" / name
    path.unlink()
    make(path)
    refused(copy)


def test_a_template_that_does_not_end(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_guard, "SECONDS", 0.5)
    path = copy / "rm_model_bt" / "reward_config.json"
    loops = "{% for i in range(99999) %}" * 3 + "{% endfor %}" * 3
    path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": loops}))
    assert "does not come to an end" in refused(copy)


def test_the_tags_of_transformers_templates_are_known(copy: Path) -> None:
    path = copy / "rm_model_bt" / "reward_config.json"
    template = (
        "{% for m in messages %}{% if loop.index > 9 %}{% break %}{% endif %}"
        "{% generation %}{{ m['content'] }}<|im_end|>{% endgeneration %}{% endfor %}"
    )
    path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": template}))
    assert RewardModel.load(copy / "rm_model_bt").score(["q"], ["a"]).shape == (1,)
