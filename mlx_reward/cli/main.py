"""The command ``mlx-reward``."""

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlx_reward.utils.errors import InputError, run

Commands = Any  # what add_subparsers returns; argparse keeps its name to itself
EXAMPLE = """rows hold prompt and response, prompt and responses, messages, or prompt, chosen and rejected

example:
  mlx-reward {0} answers.jsonl -o scored.jsonl"""


def main() -> int:
    """Parse the command line and run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="mlx-reward", description="Reward models on MLX.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (
        _add_doctor,
        _add_compare,
        _add_sample,
        _add_export,
        _add_import,
        _add_serve,
        _add_row_commands,
        _add_filter,
    ):
        add(commands)
    arguments = parser.parse_args()
    return run(lambda: arguments.command(arguments))


def _add_doctor(commands: Commands) -> None:
    doctor = commands.add_parser(
        "doctor", help="print device, BLAS and its speed, streams, memory and cache"
    )
    doctor.set_defaults(command=_doctor)


def _add_compare(commands: Commands) -> None:
    compare = commands.add_parser(
        "compare", help="tell whether one run is better than another on the same test pairs"
    )
    compare.add_argument("old", type=Path, help="checkpoints/test_rewards.jsonl of the earlier run")
    compare.add_argument("new", type=Path, help="that of the later run")
    compare.set_defaults(command=_compare)


def _add_sample(commands: Commands) -> None:
    sample = commands.add_parser(
        "sample", help="write rows with several responses to each prompt, by a language model"
    )
    sample.add_argument(
        "source", help="rows with a prompt; jsonl, json, csv or parquet; - is standard input"
    )
    sample.add_argument(
        "-o",
        "--output",
        default="-",
        help="a .jsonl file; a stopped job goes on where it was (default: -)",
    )
    sample.add_argument(
        "-b",
        "--base",
        type=Path,
        default=Path("checkpoints/sft_merged_model"),
        help="the language model's folder",
    )
    sample.add_argument(
        "-n", "--count", type=int, default=4, help="responses to a prompt (default: 4)"
    )
    sample.add_argument("--max-tokens", type=int, default=256, help="of a response (default: 256)")
    sample.add_argument("--temperature", type=float, default=0.8, help="(default: 0.8)")
    sample.add_argument("--top-p", type=float, default=0.95, help="(default: 0.95)")
    sample.add_argument("--seed", type=int, default=0, help="(default: 0)")
    sample.set_defaults(command=_sample)


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-m",
        "--model",
        type=Path,
        default=Path("checkpoints/rm_model_bt"),
        help="checkpoint folder",
    )
    command.add_argument(
        "-b", "--base", type=Path, help="backbone folder, where it is not beside the checkpoint"
    )


def _add_export(commands: Commands) -> None:
    export = commands.add_parser(
        "export",
        help="write the model merged, for transformers or for MLX",
        epilog="example:\n  mlx-reward export hf_model",
    )
    export.add_argument("target", type=Path, help="folder to write")
    export.add_argument(
        "--to",
        choices=["transformers", "mlx"],
        default="transformers",
        help="(default: transformers)",
    )
    _add_model(export)
    export.add_argument(
        "--member", type=int, default=1, help="of an ensemble, from 1 on (default: 1)"
    )
    export.add_argument(
        "--dtype", choices=["float32", "bfloat16"], default="float32", help="(default: float32)"
    )
    export.add_argument(
        "--evidence", type=Path, default=Path("metrics/eval.json"), help="for the model card"
    )
    export.set_defaults(command=_export)


def _add_import(commands: Commands) -> None:
    importer = commands.add_parser("import", help="take a reward model of transformers")
    importer.add_argument(
        "source", type=Path, help="folder with a sequence classification of one label"
    )
    importer.add_argument(
        "-o", "--output", type=Path, required=True, help="folder for backbone and reward model"
    )
    importer.add_argument(
        "--max-seq-length", type=int, default=4096, help="tokens of a conversation (default: 4096)"
    )
    importer.add_argument(
        "--quantize", type=int, choices=[3, 4, 6, 8], help="bits a weight (default: not quantized)"
    )
    importer.set_defaults(command=_import)


def _add_serve(commands: Commands) -> None:
    serve = commands.add_parser(
        "serve", help="answer requests over HTTP", epilog="example:\n  mlx-reward serve --port 8000"
    )
    _add_model(serve)
    serve.add_argument(
        "--host",
        default="127.0.0.1",
        help="any other needs a token in MLX_REWARD_TOKEN (default: 127.0.0.1)",
    )
    serve.add_argument("--port", type=int, default=8000, help="(default: 8000)")
    serve.add_argument(
        "--max-waiting", type=int, default=10_000, help="texts that may wait (default: 10000)"
    )
    serve.add_argument(
        "--max-body", type=int, default=8 << 20, help="bytes of a request (default: 8 MiB)"
    )
    serve.set_defaults(command=_serve)


def _add_row_commands(commands: Commands) -> None:
    for name, command, says in (
        ("score", _score, "write rows with the reward of each response"),
        ("rank", _rank, "write rows with their responses sorted, best first"),
        ("label", _label, "make DPO pairs, KTO or SFT rows of prompts with several responses"),
    ):
        rows = commands.add_parser(
            name,
            help=says,
            epilog=EXAMPLE.format(name),
            formatter_class=argparse.RawTextHelpFormatter,
        )
        rows.add_argument(
            "source",
            help="jsonl, json, csv or parquet file, plain, .gz or .zst; - is standard input",
        )
        rows.add_argument(
            "-o",
            "--output",
            default="-",
            help="a .jsonl file; a stopped job goes on where it was (default: -)",
        )
        _add_model(rows)
        rows.add_argument(
            "--uncertainty-penalty",
            "--caution",
            type=float,
            default=0.0,
            help="of an ensemble: take off so often its uncertainty",
        )
        if name == "score":
            rows.add_argument(
                "-n", "--normalize", choices=["zscore", "sigmoid"], help="by the training rewards"
            )
        if name == "label":
            _add_label(rows)
        rows.set_defaults(command=command)


def _add_label(label: argparse.ArgumentParser) -> None:
    label.add_argument(
        "-f", "--form", choices=["dpo", "kto", "sft"], default="dpo", help="(default: dpo)"
    )
    label.add_argument(
        "--against", choices=["worst", "random", "all"], default="worst", help="(default: worst)"
    )
    label.add_argument(
        "--min-probability", type=float, default=0.5, help="keep surer pairs only (default: 0.5)"
    )
    label.add_argument(
        "--max-uncertainty", type=float, default=math.inf, help="keep pairs an ensemble is sure of"
    )
    label.add_argument(
        "--max-length-ratio", type=float, default=math.inf, help="keep pairs of like length: 1.5"
    )


def _add_filter(commands: Commands) -> None:
    keep = commands.add_parser(
        "filter",
        help="keep the best share of scored rows",
        epilog="example:\n  mlx-reward filter scored.jsonl --top 0.25 -o best.jsonl",
    )
    keep.add_argument(
        "source", type=Path, help="rows with a number to go by; jsonl, json, csv or parquet"
    )
    keep.add_argument("-o", "--output", type=Path, required=True, help="a .jsonl file")
    keep.add_argument("--by", default="reward", help="the field with the number (default: reward)")
    share = keep.add_mutually_exclusive_group(required=True)
    share.add_argument(
        "--top", type=float, help="share of the rows to keep, the highest; equal ones stay together"
    )
    share.add_argument(
        "--bottom", type=float, help="the same of the lowest, such as the least uncertain"
    )
    keep.set_defaults(command=_filter)


def _doctor(_: argparse.Namespace) -> None:
    from mlx_reward.cli.doctor import report  # MLX is loaded only by the commands that need it

    for what, how in report():
        print(f"{what:<16}{how}")


def _sample(arguments: argparse.Namespace) -> None:
    from mlx_reward.backbones.digest import digest
    from mlx_reward.engine.fingerprint import arithmetic
    from mlx_reward.inference.jobs import JOBS, run_job
    from mlx_reward.inference.sample import Sampler

    a = arguments
    how = a.count, a.max_tokens, a.temperature, a.top_p, a.seed
    _tell(
        run_job(
            a.source,
            a.output,
            Sampler(a.base, *how).rows,
            f"sample {how} {digest(a.base)} {arithmetic(*JOBS)}",
        )
    )


def _export(arguments: argparse.Namespace) -> None:
    from mlx_reward.exchange.fused import fuse
    from mlx_reward.exchange.to_transformers import export
    from mlx_reward.inference.reward_model import backbone_of

    a = arguments
    if a.to == "mlx":
        fuse(a.model, a.base or backbone_of(a.model), a.target, a.member, a.dtype)
        return
    bias = export(a.model, a.base or backbone_of(a.model), a.target, a.member, a.dtype, a.evidence)
    if abs(bias) > 1e-6:
        print(
            f"note: transformers' scores lack the constant {bias:.4f}, for its head has no bias; differences are the same"
        )


def _import(arguments: argparse.Namespace) -> None:
    from mlx_reward.exchange.from_transformers import import_model

    import_model(arguments.source, arguments.output, arguments.max_seq_length, arguments.quantize)
    print(f"wrote {arguments.output}; it is not calibrated: its temperature is 1")


def _serve(arguments: argparse.Namespace) -> None:
    try:
        from mlx_reward.server.serve import serve
    except ModuleNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed; pip install 'mlx-reward[serve]'"
        ) from None
    a = arguments
    serve(a.model, a.base, a.host, a.port, a.max_waiting, a.max_body)


def _score(arguments: argparse.Namespace) -> None:
    from mlx_reward.inference.score import score_rows

    normalize, uncertainty_penalty = arguments.normalize, arguments.uncertainty_penalty
    _run(
        arguments,
        lambda model, rows: score_rows(model, rows, normalize, uncertainty_penalty),
        f"{normalize} {uncertainty_penalty}",
    )


def _rank(arguments: argparse.Namespace) -> None:
    from mlx_reward.inference.score import rank_rows

    _run(
        arguments,
        lambda model, rows: rank_rows(model, rows, arguments.uncertainty_penalty),
        f"rank {arguments.uncertainty_penalty}",
    )


def _label(arguments: argparse.Namespace) -> None:
    from mlx_reward.inference.label import Filters, label_rows

    a = arguments
    how = (
        a.form,
        a.against,
        Filters(a.min_probability, a.max_uncertainty, a.max_length_ratio),
        a.uncertainty_penalty,
    )
    _run(arguments, lambda model, rows: label_rows(model, rows, *how), f"label {how}")


def _filter(arguments: argparse.Namespace) -> None:
    from mlx_reward.inference.filter import keep_share

    a = arguments
    kept, known, without = keep_share(
        a.source, a.output, a.by, *(("bottom", a.bottom) if a.top is None else ("top", a.top))
    )
    print(
        f"kept {kept} of {known} rows"
        + (f"; {without} had no number in {a.by!r} and were left out" if without else "")
    )


def _run(
    arguments: argparse.Namespace, work: Callable[..., list[dict[str, Any]]], what: str
) -> None:
    from mlx_reward.engine.fingerprint import arithmetic
    from mlx_reward.inference.jobs import JOBS, run_job
    from mlx_reward.inference.reward_model import RewardModel

    model = RewardModel.load(arguments.model, arguments.base)
    identity = f"{what} {model.digest} {arithmetic(*JOBS)}"
    _tell(run_job(arguments.source, arguments.output, lambda rows: work(model, rows), identity))


def _tell(errors: int) -> None:
    if errors:
        print(
            f"{errors} rows could not be used; they came out with the field 'error'",
            file=sys.stderr,
        )


def _compare(arguments: argparse.Namespace) -> None:
    from mlx_reward.evaluation.paired import compare_runs

    found = compare_runs(arguments.old, arguments.new)
    for name, rows in (("gained", found.gained), ("lost", found.lost)):
        for row in rows:
            print(f"{name:<8}{row['id']}  {row['subset']}  logit {row['logit']:+.2f}")
    change = f"{found.change:+.4f}, 95 % {found.low:+.4f} to {found.high:+.4f}"
    print(f"accuracy {found.old:.4f} -> {found.new:.4f} on {found.pairs} pairs: {change}")
    print(f"{len(found.gained)} gained, {len(found.lost)} lost, McNemar's exact p {found.p:.3f}")
