"""The JSON files of a checkpoint, checked field by field: they may come from a stranger."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import read_json
from mlx_reward.utils.limits import MAX_MEMBERS, MAX_RANK

FORMAT_VERSION = 1
REMEDY = "run `dvc repro train`, which makes it"
TemplateDate = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None
Finite = Annotated[float, Field(allow_inf_nan=False)]


class UsedParams(BaseModel):
    """What of a run's parameters decides how its checkpoint is read; the others are kept."""

    model_config = ConfigDict(strict=True)

    members: Annotated[int, Field(ge=1, le=MAX_MEMBERS)] = 1
    head: Literal["linear", "mlp"] = "linear"
    fine_tune_type: Literal["lora", "dora", "full", "none"] = "lora"  # none: as imported
    num_layers: Annotated[int, Field(ge=-1)] = -1


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class RewardConfig:
    """What a reward depends on besides the weights.

    ``reward_mean`` and ``reward_std`` are those of training responses. ``template_date``: the date
    that ``chat_template`` is given as today's, YYYY-MM-DD, where it asks for one.
    """

    base: str
    base_digest: str
    chat_template: str
    max_seq_length: Annotated[int, Field(ge=1)]
    reward_mean: Finite
    reward_std: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    params: dict[str, Any]
    format_version: int = FORMAT_VERSION
    template_date: TemplateDate = None  # absent from older checkpoints

    @property
    def rendering(self) -> dict[str, Any]:
        """How texts are rendered, as data/chat.py's ``load_renderer`` takes it."""
        return {
            "max_seq_length": self.max_seq_length,
            "chat_template": self.chat_template,
            "template_date": self.template_date,
        }

    @property
    def used_params(self) -> UsedParams:
        """The parameters that decide how the checkpoint is read."""
        return UsedParams.model_validate(self.params)


class _LoraParameters(BaseModel):
    model_config = ConfigDict(strict=True)

    rank: Annotated[int, Field(ge=1, le=MAX_RANK)]
    scale: Finite
    dropout: Annotated[float, Field(ge=0, lt=1)]
    keys: list[str] | None = None


class AdapterConfig(BaseModel):
    """adapter_config.json as mlx_lm writes and reads it; other fields are kept."""

    model_config = ConfigDict(strict=True)

    fine_tune_type: Literal["lora", "dora", "full"] = "lora"
    num_layers: Annotated[int, Field(ge=-1)]
    lora_parameters: _LoraParameters


def read_reward_config(folder: Path) -> RewardConfig:
    """Return reward_config.json of ``folder``; InputError where it is of another format version."""
    path = folder / "reward_config.json"
    fields = read_json(path, REMEDY)
    if not isinstance(fields, dict):
        raise InputError(f"{path}: no JSON object; {REMEDY}")
    if fields.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{path}: format_version is {fields.get('format_version')!r}, "
            f"this release reads {FORMAT_VERSION}"
        )
    config: RewardConfig = _checked(path, TypeAdapter(RewardConfig), fields)
    _checked(path, TypeAdapter(UsedParams), config.params, "params")
    return config


def check_adapter_config(folder: Path) -> None:
    """Refuse adapter_config.json of ``folder`` where mlx_lm could not use it."""
    path = folder / "adapter_config.json"
    _checked(path, TypeAdapter(AdapterConfig), read_json(path, REMEDY))


def _checked(path: Path, kind: TypeAdapter[Any], fields: Any, *place: str) -> Any:
    """Return ``fields`` as ``kind``; InputError names the first field that is wrong."""
    try:
        return kind.validate_json(json.dumps(fields))  # strict, but an object may be a dataclass
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join([*place, *map(str, first["loc"])]) or "the whole"
        reason = " ".join(first["msg"].split())
        raise InputError(f"{path}: {name}: {reason}; {REMEDY}") from None
