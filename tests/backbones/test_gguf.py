"""GGUF conversion against the weights the file was made from."""

import random
import subprocess
import sys
from pathlib import Path

import gguf
import mlx.core as mx
import numpy as np
import pytest
from gguf.quants import dequantize, quantize
from mlx.utils import tree_flatten
from mlx_lm import load

from mlx_reward.backbones.gguf import TENSORS, convert
from mlx_reward.utils.errors import InputError
from tests import tiny

TOKENS = [
    "<unk>",
    "<|im_start|>",
    "<|im_end|>",
    *sorted(tiny.pre_tokenizers.ByteLevel.alphabet()),
    "he",
    "ll",
]
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>{% endfor %}"


def permute(rows: np.ndarray, heads: int) -> np.ndarray:
    """llama.cpp's order of the rows of attn_q and attn_k, as convert_hf_to_gguf.py writes it."""
    return (
        rows.reshape(heads, 2, rows.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(rows.shape)
    )


def write_gguf(
    path: Path, kind: gguf.GGMLQuantizationType, scaling: str | None = None
) -> dict[str, np.ndarray]:
    """A tiny random llama as GGUF with its linear layers in ``kind``; returns the weights that a
    reader should find.
    """
    source = {
        name: np.array(value) for name, value in tree_flatten(tiny.model("llama").parameters())
    }
    source["model.embed_tokens.weight"] = source["model.embed_tokens.weight"][: len(TOKENS)]
    source["model.embed_tokens.weight"] = np.resize(
        source["model.embed_tokens.weight"], (len(TOKENS), 32)
    )
    names = {hf: block for block, hf in TENSORS.items()}
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_embedding_length(32)
    writer.add_block_count(3)
    writer.add_feed_forward_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_context_length(512)
    writer.add_rope_freq_base(10000.0)
    if scaling is not None:
        writer.add_rope_scaling_type(gguf.RopeScalingType(scaling))
        writer.add_rope_scaling_factor(4.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(TOKENS)
    writer.add_token_merges(["h e", "l l"])
    writer.add_token_types([1, 3, 3] + [1] * (len(TOKENS) - 3))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(TEMPLATE)
    for name, weight in source.items():
        block, written = _block_name(name, names), weight.astype(np.float32)
        if written.ndim == 2 and "embed" not in name:
            packed = quantize(written, kind)
            source[name] = dequantize(packed, kind)
            heads = {"q_proj": 4, "k_proj": 2}.get(name.split(".")[-2])
            written = quantize(permute(written, heads), kind) if heads else packed
            writer.add_tensor(block, written, raw_dtype=kind)
        else:
            writer.add_tensor(block, written)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return source


def _block_name(name: str, names: dict[str, str]) -> str:
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{names[rest.removesuffix('.weight')]}.weight"


@pytest.mark.parametrize("kind", ["F32", "Q4_0", "Q4_1", "Q8_0"])
def test_logits_are_those_of_the_source_weights(tmp_path: Path, kind: str) -> None:
    """Permutation, names, tied embeddings and bits all have to be right for this to hold."""
    source = write_gguf(tmp_path / "m.gguf", gguf.GGMLQuantizationType[kind])
    convert(tmp_path / "m.gguf", tmp_path)
    converted, _ = load(str(tmp_path))
    reference = tiny.model("llama")
    reference.model.embed_tokens.weight = mx.zeros((len(TOKENS), 32))
    reference.load_weights([(name, mx.array(value)) for name, value in source.items()])
    tokens = mx.array([[5, 80, 2, 33, 9]])
    assert np.array(converted(tokens)) == pytest.approx(np.array(reference(tokens)), abs=5e-3)


def test_linear_scaling_of_the_rotary_embedding_is_used(tmp_path: Path) -> None:
    """It was dropped in silence: a model for long texts computed something else."""
    source = write_gguf(tmp_path / "m.gguf", gguf.GGMLQuantizationType.F32, scaling="linear")
    convert(tmp_path / "m.gguf", tmp_path)
    converted, _ = load(str(tmp_path))
    scaled = tiny.config("llama") | {"rope_scaling": {"type": "linear", "factor": 4.0}}
    module = tiny.importlib.import_module("mlx_lm.models.llama")
    reference = module.Model(module.ModelArgs.from_dict(scaled | {"vocab_size": len(TOKENS)}))
    reference.load_weights([(name, mx.array(value)) for name, value in source.items()])
    tokens = mx.array([[5, 80, 2, 33, 9]])
    assert np.array(converted(tokens)) == pytest.approx(np.array(reference(tokens)), abs=5e-3)


def test_other_scaling_of_the_rotary_embedding_is_refused(tmp_path: Path) -> None:
    write_gguf(tmp_path / "m.gguf", gguf.GGMLQuantizationType.F32, scaling="yarn")
    with pytest.raises(InputError, match=r"m.gguf: rotary embedding scaled by 'yarn'"):
        convert(tmp_path / "m.gguf", tmp_path)


def test_tokenizer_keeps_merges_digits_and_control_tokens(tmp_path: Path) -> None:
    write_gguf(tmp_path / "m.gguf", gguf.GGMLQuantizationType.F32)
    convert(tmp_path / "m.gguf", tmp_path)
    _, tokenizer = load(str(tmp_path))
    pieces = tokenizer.convert_ids_to_tokens(tokenizer.encode("hello 42<|im_end|>"))
    assert pieces == ["he", "ll", "o", "Ġ", "4", "2", "<|im_end|>"]
    assert tokenizer.chat_template == TEMPLATE
    assert tokenizer.eos_token == "<|im_end|>"


def test_a_file_cut_short_is_one_line(tmp_path: Path) -> None:
    write_gguf(tmp_path / "m.gguf", gguf.GGMLQuantizationType.F32)
    whole = (tmp_path / "m.gguf").read_bytes()
    for size in (0, 3, 100):
        (tmp_path / "cut.gguf").write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"cut.gguf: not a whole GGUF file"):
            convert(tmp_path / "cut.gguf", tmp_path)


def test_foreign_architecture_and_tokenizer_are_named(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "mamba")
    writer.add_tensor("x", np.zeros((4, 4), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(InputError, match="architecture 'mamba'"):
        convert(tmp_path / "m.gguf", tmp_path)


MUTANTS = """
import sys, tempfile
from pathlib import Path
from mlx_reward.backbones import gguf
from mlx_reward.utils.errors import InputError
for name in sys.argv[1:]:
    print(name, flush=True)
    with tempfile.TemporaryDirectory() as target:
        try:
            gguf.convert(Path(name), Path(target))
        except InputError as error:
            assert "\\n" not in str(error)
"""


def test_damaged_files_are_refused_before_mlx_reads_them(tmp_path: Path) -> None:
    """Some 8 of 100 were a segmentation fault, others a traceback."""
    write_gguf(tmp_path / "whole.gguf", gguf.GGMLQuantizationType.F32)
    whole = (tmp_path / "whole.gguf").read_bytes()
    generator = random.Random(0)
    files = []
    for number in range(100):
        damaged = bytearray(whole)
        if number % 3 == 0:
            damaged = damaged[: generator.randrange(len(damaged))]
        for _ in range(generator.randrange(1, 4)):
            place = generator.randrange(min(len(damaged), 12_000) or 1)
            damaged[place : place + 1] = bytes([generator.randrange(256)])
        files.append(tmp_path / f"{number}.gguf")
        files[-1].write_bytes(damaged)
    answer = subprocess.run(
        [sys.executable, "-c", MUTANTS, *map(str, files)], capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stdout.splitlines()[-1] + answer.stderr
    assert len(answer.stdout.splitlines()) == len(files)
