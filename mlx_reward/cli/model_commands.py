"""Commands that hand a model to other programs: ``serve``, ``export`` and ``import``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from mlx_reward.cli.options import DEFAULT_MODEL, Base, Model, Overwrite

SERVE_EXAMPLE = """\b
Example:
  mlx-reward serve --port 8000"""
EXPORT_EXAMPLE = """\b
Example:
  mlx-reward export hf_model"""

IMPORT_EXAMPLE = """\b
Example:
  mlx-reward import hf_model -o imported"""


def serve(
    model: Model = DEFAULT_MODEL,
    base: Base = None,
    host: Annotated[
        str,
        typer.Option(help="Address; any but loopback needs a token in MLX_REWARD_TOKEN."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    max_waiting: Annotated[
        int, typer.Option(min=1, help="Texts that may wait; more are refused.")
    ] = 10_000,
    max_body: Annotated[
        int, typer.Option(min=1, help="Largest request, in bytes.", show_default="8 MiB")
    ] = 8 << 20,
    grace: Annotated[
        float,
        typer.Option(min=0, max=3600, help="Seconds to answer what waits when it is stopped."),
    ] = 30.0,
) -> None:
    """Answer requests over HTTP."""
    from mlx_reward.server import serve as server
    from mlx_reward.server.app import Limits

    limits = Limits(max_waiting=max_waiting, max_body=max_body)
    server.serve(model, base, host=host, port=port, limits=limits, grace=grace)


def export(
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="Folder to write.")],
    to: Annotated[
        Literal["transformers", "mlx"], typer.Option(help="Program that will load it.")
    ] = "transformers",
    model: Model = DEFAULT_MODEL,
    base: Base = None,
    member: Annotated[int, typer.Option(help="Model of an ensemble, counted from 1.")] = 1,
    dtype: Annotated[
        Literal["float32", "bfloat16"], typer.Option(help="Type of the weights.")
    ] = "float32",
    evidence: Annotated[Path, typer.Option(help="Metrics to show in the model card.")] = Path(
        "metrics/eval.json"
    ),
    license: Annotated[
        str | None, typer.Option(help="Its license on the model card, such as apache-2.0.")
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="A language it judges, such as en; may be repeated.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the model merged, for transformers or for MLX."""
    from mlx_reward.exchange.fuse import fuse
    from mlx_reward.exchange.to_transformers import export as export_to_transformers
    from mlx_reward.inference.pretrained import backbone_of
    from mlx_reward.pipeline.card import card_facts
    from mlx_reward.pipeline.paths import PARAMS, Paths

    backbone = base or backbone_of(model)
    if to == "mlx":
        fuse(model, backbone, target, member, dtype, overwrite)
        return
    facts = card_facts(PARAMS, Paths(), evidence, license, language or ())
    bias = export_to_transformers(
        model, backbone, target, member, dtype, evidence, overwrite, facts
    )
    if abs(bias) > 1e-6:
        print(
            f"note: transformers' scores lack the constant {bias:.4f}, for its head has no bias; "
            "differences are the same"
        )


def import_model(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE", help="Folder of a sequence classification model with one label."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the backbone and the reward model.")
    ],
    max_seq_length: Annotated[
        int, typer.Option(min=1, help="Longest conversation, in tokens.")
    ] = 4096,
    quantize: Annotated[
        Literal["3", "4", "6", "8"] | None,
        typer.Option(help="Bits of a weight.", show_default="not quantized"),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Import a reward model of transformers."""
    from mlx_reward.exchange import from_transformers

    bits = None if quantize is None else int(quantize)
    from_transformers.import_model(source, output, max_seq_length, bits, overwrite)
    print(f"wrote {output}; it is not calibrated: its temperature is 1")
