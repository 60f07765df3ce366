"""Section ``train``: the reward model and how it is fitted. Names are mlx-lm's own where it has one."""

from typing import Annotated, Literal

from pydantic import Field

from mlx_reward.settings.reader import Settings


class LoraSettings(Settings):
    rank: Annotated[int, Field(ge=1)]
    scale: Annotated[float, Field(gt=0)]
    dropout: Annotated[float, Field(ge=0, lt=1)]


class LossSettings(Settings):
    soft_labels: bool
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)]
    margin: Annotated[float, Field(ge=0)]
    centering: Annotated[float, Field(ge=0)]


class TrainSettings(Settings):
    fine_tune_type: Literal["lora", "dora"]
    num_layers: Annotated[int, Field(ge=-1)]
    lora: LoraSettings
    head: Literal["linear", "mlp"]
    loss: LossSettings
    batch_size: Annotated[int, Field(ge=1)]
    grad_accumulation_steps: Annotated[int, Field(ge=1)]
    epochs: Annotated[int, Field(ge=1)]
    iters: Annotated[int, Field(ge=1)] | None
    learning_rate: Annotated[float, Field(gt=0)]
    lr_schedule: Literal["cosine", "linear", "constant"]
    warmup: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    max_grad_norm: Annotated[float, Field(gt=0)] | None
    frozen_cache: Literal["auto", "off"] | Annotated[float, Field(gt=0)]
    max_seq_length: Annotated[int, Field(ge=8)]
    evals_per_epoch: Annotated[int, Field(ge=1)]
    patience: Annotated[int, Field(ge=1)] | None
    save_every: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)]
