"""Section ``train``: the reward model and how it is fitted. Names are mlx-lm's own."""

from typing import Annotated, Literal

from pydantic import Field

from mlx_reward.settings.reader import Settings


class LoraSettings(Settings):
    rank: Annotated[int, Field(ge=1)]
    scale: Annotated[float, Field(gt=0)]
    dropout: Annotated[float, Field(ge=0, lt=1)]


class TrainSettings(Settings):
    num_layers: Annotated[int, Field(ge=-1)]
    lora: LoraSettings
    batch_size: Annotated[int, Field(ge=1)]
    epochs: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0)]
    warmup: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    soft_labels: bool
    frozen_cache: Literal["auto", "off"] | Annotated[float, Field(gt=0)]
    max_seq_length: Annotated[int, Field(ge=8)]
    evals_per_epoch: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)]
