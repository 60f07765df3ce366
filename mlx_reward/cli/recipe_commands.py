"""The steps of the recipe as commands of their own, without DVC: ``base``, ``split``, ``train``,
``calibrate`` and ``evaluate``.

They call the functions that the stages call. Settings come from the package's defaults,
``--config``, ``--set`` and their own options, paths from their options.
"""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from mlx_reward.cli.options import Base, example
from mlx_reward.utils.errors import InputError

BASE_EXAMPLE = example("mlx-reward base smollm2-135m-instruct --output sft_model")
SPLIT_EXAMPLE = example("mlx-reward split --input pairs.jsonl --output-dir data --valid-size 500")
TRAIN_EXAMPLE = example(
    "mlx-reward train --model sft_model --train-data data/rm_train.jsonl \\",
    "  --valid-data data/rm_valid.jsonl --batch-size 8 --set train.loss.centering=0.01 \\",
    "  --output checkpoints/rm_model_bt",
)
CALIBRATE_EXAMPLE = example(
    "mlx-reward calibrate --model checkpoints/rm_model_bt --valid-data data/rm_valid.jsonl"
)
EVALUATE_EXAMPLE = example(
    "mlx-reward evaluate --model checkpoints/rm_model_bt --test-data data/rm_test.jsonl \\",
    "  --train-data data/rm_train.jsonl --metrics accuracy ece",
)

Config = Annotated[
    Path | None,
    typer.Option(help="A file of settings such as params.yaml; what it leaves out is as usual."),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any setting, by its key in params.yaml."),
]
OverDvc = Annotated[
    bool, typer.Option("--overwrite", help="Replace a checkpoint, or an output of a DVC stage.")
]
Trained = Annotated[
    Path, typer.Option("--model", "-m", help="Folder of the reward model, as train wrote it.")
]
OUTPUT = Path("checkpoints/rm_model_bt")


def base(
    source: Annotated[
        str,
        typer.Argument(
            help="smollm2-135m-instruct, a folder, a .gguf file or a Hugging Face repo id."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="New folder for the backbone.")],
    quantize: Annotated[
        int | None, typer.Option(help="Bits of a weight, where it is not quantized yet.")
    ] = None,
    config: Config = None,
    assignments: Assignments = None,
) -> None:
    """Fetch a language model, and convert it to the folder that train takes as --model."""
    from mlx_reward.config.base import BaseSettings
    from mlx_reward.config.layers import Layers
    from mlx_reward.pipeline.base import fetch_base
    from mlx_reward.pipeline.outputs import check_outputs
    from mlx_reward.pipeline.paths import Paths
    from mlx_reward.utils.outputs import check_folder

    flags = {"base.source": source, "base.quantize": quantize}
    layers = Layers(["base"], config, assignments or [], flags)
    check_outputs([output], overwrite=False)
    check_folder(output, [], overwrite=False)
    fetch_base(layers.read("base", BaseSettings), Paths(base=output))


def split(
    source: Annotated[
        Path, typer.Option("--input", help="Preference data of any format that data.source reads.")
    ],
    output_dir: Annotated[
        Path, typer.Option(help="Folder for rm_train.jsonl, rm_valid.jsonl and rm_test.jsonl.")
    ],
    valid_size: Annotated[
        float | None, typer.Option(help="Pairs for validation: a count, or a share of them.")
    ] = None,
    test_size: Annotated[
        float | None, typer.Option(help="Pairs for the test: a count, or a share of them.")
    ] = None,
    group_by: Annotated[
        str | None, typer.Option(help="Field whose values no two of the files share.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of the draw.")] = None,
    config: Config = None,
    assignments: Assignments = None,
    overwrite: OverDvc = False,
) -> None:
    """Check preference data, and deal it to train, validation and test files."""
    from mlx_reward.config.data import DataSettings
    from mlx_reward.config.layers import Layers
    from mlx_reward.config.split import SplitSettings
    from mlx_reward.pipeline.data import write_pairs
    from mlx_reward.pipeline.outputs import check_outputs
    from mlx_reward.pipeline.paths import Paths
    from mlx_reward.pipeline.split import split as split_pairs
    from mlx_reward.utils.files import write_json

    if not source.is_file():
        raise InputError(f"{source}: not there, or not a file; name a file of preference data")
    flags = {
        "data.source": str(source),
        "split.valid_size": _size(valid_size),
        "split.test_size": _size(test_size),
        "split.group_by": group_by,
        "split.seed": seed,
    }
    layers = Layers(["data", "split"], config, assignments or [], flags)
    settings = layers.read("split", SplitSettings)
    names = ("train", "valid", "test")
    files = {name: output_dir / f"rm_{name}.jsonl" for name in names}
    rejected_rows = output_dir / "rejected_rows.jsonl"
    metrics_file = output_dir / "split.json"
    for file in (*files.values(), rejected_rows):
        if file.exists() and file.samefile(source):
            raise InputError(f"{source}: would be written over; name another --output-dir")
    check_outputs([*files.values(), rejected_rows, metrics_file], overwrite)
    output_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output_dir, prefix=".split.") as scratch:
        scratch_paths = Paths.below(Path(scratch))
        paths = Paths(**files, pairs=scratch_paths.pairs)
        write_pairs(layers.read("data", DataSettings), settings.group_by, scratch_paths)
        metrics = split_pairs(settings, paths)
        scratch_paths.rejected_rows.replace(rejected_rows)
    write_json(metrics_file, metrics)
    print(f"wrote {', '.join(map(str, files.values()))}")


def train(
    model: Annotated[
        Path,
        typer.Option(
            "--model",
            help="Folder of the language model to start from, the backbone, as `mlx-reward base` "
            "or mlx_lm.convert writes it. (In the other commands --model is the reward model.)",
        ),
    ],
    train_data: Annotated[Path, typer.Option(help="Pairs to train on, of any format.")],
    valid_data: Annotated[Path, typer.Option(help="Pairs that choose the best weights.")],
    output: Annotated[
        Path, typer.Option("--output", "--adapter-path", "-o", help="Folder for the reward model.")
    ] = OUTPUT,
    batch_size: Annotated[int | None, typer.Option(help="Pairs that run at once.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Times through the training pairs.")] = None,
    iters: Annotated[int | None, typer.Option(help="Optimizer steps, instead of --epochs.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="At its peak.")] = None,
    lora_rank: Annotated[int | None, typer.Option(help="Rank of the adapters.")] = None,
    num_layers: Annotated[
        int | None, typer.Option(help="Blocks with adapters, from the last; -1 is all.")
    ] = None,
    max_seq_length: Annotated[
        int | None, typer.Option(help="Longest conversation, in tokens.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of initial weights and order.")] = None,
    config: Config = None,
    assignments: Assignments = None,
    overwrite: OverDvc = False,
) -> None:
    """Train a reward model on pairs."""
    from mlx_reward.config.data import DataSettings
    from mlx_reward.config.layers import Layers
    from mlx_reward.config.train import TrainSettings
    from mlx_reward.pipeline.outputs import check_checkpoint, check_outputs
    from mlx_reward.pipeline.pair_files import pair_file
    from mlx_reward.pipeline.paths import Paths
    from mlx_reward.pipeline.train import train as train_model

    flags = {
        "train.batch_size": batch_size,
        "train.epochs": epochs,
        "train.iters": iters,
        "train.learning_rate": learning_rate,
        "train.lora.rank": lora_rank,
        "train.num_layers": num_layers,
        "train.max_seq_length": max_seq_length,
        "train.seed": seed,
    }
    layers = Layers(["data", "train"], config, assignments or [], flags)
    settings = layers.read("train", TrainSettings)
    data = layers.read("data", DataSettings)
    paths = Paths.beside(output, base=model)
    check_outputs([output, paths.metrics / "train.json"], overwrite)
    check_checkpoint(output, overwrite)
    with tempfile.TemporaryDirectory() as scratch:
        files = {
            "train": pair_file(train_data, data, Path(scratch, "train")),
            "valid": pair_file(valid_data, data, Path(scratch, "valid")),
        }
        train_model(settings, Paths.beside(output, base=model, **files))
    print(f"wrote {output}; metrics are in {paths.metrics / 'train.json'}")


def calibrate(
    valid_data: Annotated[Path, typer.Option(help="Pairs to fit the calibration to.")],
    model: Trained = OUTPUT,
    backbone: Base = None,
    config: Config = None,
    assignments: Assignments = None,
    overwrite: OverDvc = False,
) -> None:
    """Fit the calibration of a reward model, and write calibration.json beside it."""
    from mlx_reward.config.calibrate import CalibrateSettings
    from mlx_reward.config.data import DataSettings
    from mlx_reward.config.layers import Layers
    from mlx_reward.inference.pretrained import backbone_of
    from mlx_reward.pipeline.calibrate import calibrate as fit_calibration
    from mlx_reward.pipeline.outputs import check_outputs
    from mlx_reward.pipeline.pair_files import pair_file
    from mlx_reward.pipeline.paths import Paths

    layers = Layers(["data", "calibrate"], config, assignments or [])
    settings = layers.read("calibrate", CalibrateSettings)
    data = layers.read("data", DataSettings)
    paths = Paths.beside(model, base=backbone or backbone_of(model))
    check_outputs([paths.calibration, paths.metrics / "calibration.json"], overwrite)
    with tempfile.TemporaryDirectory() as scratch:
        valid = pair_file(valid_data, data, Path(scratch))
        fit_calibration(settings, Paths.beside(model, base=paths.base, valid=valid))
    print(f"wrote {paths.calibration}; metrics are in {paths.metrics / 'calibration.json'}")


def evaluate(
    test_data: Annotated[Path, typer.Option(help="Pairs that the model has not seen.")],
    model: Trained = OUTPUT,
    backbone: Base = None,
    train_data: Annotated[
        Path | None,
        typer.Option(help="Pairs that it was trained on, for the baseline of words alone."),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME...", help="Metrics to print, all unless given; all are written."
        ),
    ] = None,
    more_metrics: Annotated[list[str] | None, typer.Argument(hidden=True, metavar="")] = None,
    config: Config = None,
    assignments: Assignments = None,
    overwrite: OverDvc = False,
) -> None:
    """Measure a calibrated reward model on test pairs, and write the metrics beside it."""
    from mlx_reward.cli.metric_lines import check_names, metric_lines
    from mlx_reward.config.data import DataSettings
    from mlx_reward.config.eval import EvalSettings
    from mlx_reward.config.layers import Layers
    from mlx_reward.inference.pretrained import backbone_of
    from mlx_reward.pipeline.eval import evaluate as measure
    from mlx_reward.pipeline.outputs import check_outputs
    from mlx_reward.pipeline.pair_files import pair_file
    from mlx_reward.pipeline.paths import Paths

    if more_metrics and not metrics:
        raise typer.BadParameter(f"unexpected {more_metrics[0]!r}; metrics stand after --metrics")
    names = [*(metrics or []), *(more_metrics or [])]
    check_names(names)
    layers = Layers(["data", "eval"], config, assignments or [])
    settings = layers.read("eval", EvalSettings)
    data = layers.read("data", DataSettings)
    paths = Paths.beside(model, base=backbone or backbone_of(model))
    check_outputs([paths.test_rewards, paths.metrics / "eval.json"], overwrite)
    with tempfile.TemporaryDirectory() as scratch:
        files = {"test": pair_file(test_data, data, Path(scratch, "test"))}
        if train_data is not None:
            files["train"] = pair_file(train_data, data, Path(scratch, "train"))
        own_paths = Paths.beside(model, base=paths.base, **files)
        found = measure(settings, own_paths, baseline=train_data is not None)
    for line in metric_lines(found, names):
        print(line)
    print(f"all metrics are in {paths.metrics / 'eval.json'}")


def _size(value: float | None) -> int | float | None:
    """Return a size as split.valid_size takes it: 1 and more are counts, less is a share."""
    return int(value) if value is not None and value >= 1 and value.is_integer() else value
