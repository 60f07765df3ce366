"""Section ``train``: the reward model and how it is fitted, in mlx-lm's names where it has one."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from mlx_reward.config.reader import Settings
from mlx_reward.utils.limits import MAX_MEMBERS, MAX_RANK, MAX_SEED


class LoraSettings(Settings):
    rank: Annotated[int, Field(ge=1, le=MAX_RANK)]
    scale: Annotated[float, Field(gt=0)]
    dropout: Annotated[float, Field(ge=0, lt=1)]
    keys: list[str] | None


class LossSettings(Settings):
    kind: Literal["bradley_terry", "plackett_luce"]  # the keys of training.losses.LOSSES
    soft_labels: bool
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)]
    margin: Annotated[float, Field(ge=0)]
    centering: Annotated[float, Field(ge=0)]


def _not_zero(num_layers: int) -> int:
    """Refuse 0, which mlx_lm takes for all blocks."""
    if num_layers == 0:
        raise ValueError("0 would leave nothing to train but the head; -1 is all blocks")
    return num_layers


class TrainSettings(Settings):
    fine_tune_type: Literal["lora", "dora", "full"]
    num_layers: Annotated[int, Field(ge=-1), AfterValidator(_not_zero)]
    lora: LoraSettings
    head: Literal["linear", "mlp"]
    loss: LossSettings
    augment: Annotated[float, Field(ge=0, le=10)]
    members: Annotated[int, Field(ge=1, le=MAX_MEMBERS)]
    batch_size: Annotated[int, Field(ge=1)]
    grad_accumulation_steps: Annotated[int, Field(ge=1)]
    epochs: Annotated[int, Field(ge=1)]
    iters: Annotated[int, Field(ge=1)] | None
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    lr_schedule: Literal["cosine", "linear", "constant"]
    warmup: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    max_grad_norm: Annotated[float, Field(gt=0)] | None
    grad_checkpoint: bool
    frozen_cache: Literal["auto", "off"] | Annotated[float, Field(gt=0)]
    max_seq_length: Annotated[int, Field(ge=8)]
    evals_per_epoch: Annotated[int, Field(ge=1)]
    patience: Annotated[int, Field(ge=1)] | None
    save_every: Annotated[int, Field(ge=1)]
    report_to: Literal["none", "dvclive", "wandb"]
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)]

    @property
    def adapters(self) -> dict[str, Any]:
        """The keyword arguments of ``with_adapters`` and ``adapter_config``."""
        return {
            "num_layers": self.num_layers,
            "fine_tune_type": self.fine_tune_type,
            **self.lora.model_dump(),
        }
