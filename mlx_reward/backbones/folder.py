"""A folder in mlx or Hugging Face format, quantized on the way in where that is wanted and not yet
done.
"""

import contextlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

from mlx_lm import load
from mlx_lm.utils import quantize_model, save_config, save_model

from mlx_reward.backbones.load import NO_CODE, check_files
from mlx_reward.utils.errors import InputError, first_line

# What a backbone consists of besides weights and config.
TOKENIZER_FILES = (
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "*.jinja",
    "generation_config.json",
    "*.tiktoken",
)


def convert(source: Path, target: Path, bits: int | None) -> None:
    """Write the model in ``source`` to the empty folder ``target``.

    It gets ``bits`` a weight, unless it is quantized already or ``bits`` is None.
    """
    config = read_config(source)
    if not list(source.glob("model*.safetensors")):
        raise InputError(
            f"{source}: no weights (model*.safetensors) in this folder; "
            "name one that holds a whole model"
        )
    if bits is None or "quantization" in config or "quantization_config" in config:
        _copy(
            source,
            target,
            "model*.safetensors",
            "model.safetensors.index.json",
            "config.json",
            *TOKENIZER_FILES,
        )
        return
    with contextlib.redirect_stdout(io.StringIO()):  # mlx_lm prints its own progress
        model, config = quantize_model(_load(source), config, group_size=64, bits=bits)
        save_model(target, model)
        save_config(config, target / "config.json")
    _copy(source, target, *TOKENIZER_FILES)


def read_config(folder: Path) -> dict[str, Any]:
    """Return config.json of ``folder``; InputError where there is none of a language model."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{folder}: no config.json in this folder; name one that holds a whole model"
        ) from None
    except ValueError as error:
        raise InputError(f"{folder / 'config.json'}: not JSON ({error})") from None
    if not isinstance(config, dict) or "model_type" not in config:
        raise InputError(
            f"{folder / 'config.json'}: field 'model_type' is missing; this is no language model"
        )
    return config


def _copy(source: Path, target: Path, *patterns: str) -> None:
    for file in sorted({f for pattern in patterns for f in source.glob(pattern) if f.is_file()}):
        shutil.copyfile(file, target / file.name)


def _load(source: Path) -> Any:
    try:
        check_files(source)
        return load(str(source), tokenizer_config=NO_CODE)[0]
    except Exception as error:  # whatever a damaged or foreign model makes mlx_lm raise
        raise InputError(f"{source}: mlx_lm cannot open it ({first_line(error)})") from None


def check(folder: Path, source: str) -> None:
    """Refuse a folder that ``mlx_lm.load`` does not open."""
    try:
        load(str(folder), lazy=True, tokenizer_config=NO_CODE)
    except Exception as error:  # as above: the reason is told, whatever its kind
        raise InputError(
            f"base.source {source!r}: mlx_lm cannot open the result ({first_line(error)})"
        ) from None
