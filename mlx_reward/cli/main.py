"""The command ``mlx-reward``: a list of its commands, each in the module named here."""

import sys
from typing import Annotated

import typer

from mlx_reward.cli import (
    doctor,
    init,
    model_commands,
    recipe_commands,
    row_commands,
    run_commands,
)
from mlx_reward.cli.options import example
from mlx_reward.utils.errors import run
from mlx_reward.utils.install import package_version

INTERRUPTED = 130  # typer's exit status after Ctrl-C; it prints nothing

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,  # plain text, readable in a pipe
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"mlx-reward {package_version()}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show it and exit."),
    ] = False,
) -> None:
    """Reward models on MLX."""


app.command(epilog=row_commands.example("score"))(row_commands.score)
app.command(epilog=row_commands.example("rank"))(row_commands.rank)
app.command(epilog=row_commands.example("label"))(row_commands.label)
app.command("filter", epilog=row_commands.FILTER_EXAMPLE)(row_commands.filter_rows)
app.command(epilog=row_commands.SAMPLE_EXAMPLE)(row_commands.sample)

app.command(epilog=model_commands.SERVE_EXAMPLE)(model_commands.serve)
app.command(epilog=model_commands.EXPORT_EXAMPLE)(model_commands.export)
app.command("import", epilog=model_commands.IMPORT_EXAMPLE)(model_commands.import_model)

app.command(epilog=recipe_commands.BASE_EXAMPLE)(recipe_commands.base)
app.command(epilog=recipe_commands.SPLIT_EXAMPLE)(recipe_commands.split)
app.command(epilog=recipe_commands.TRAIN_EXAMPLE)(recipe_commands.train)
app.command(epilog=recipe_commands.CALIBRATE_EXAMPLE)(recipe_commands.calibrate)
app.command(epilog=recipe_commands.EVALUATE_EXAMPLE)(recipe_commands.evaluate)
app.command("eval", hidden=True, epilog=recipe_commands.EVALUATE_EXAMPLE)(recipe_commands.evaluate)

app.command(epilog=init.INIT_EXAMPLE)(init.init)
app.command("run", epilog=run_commands.RUN_EXAMPLE)(run_commands.run_stage)
app.command(epilog=run_commands.COMPARE_EXAMPLE)(run_commands.compare)

app.command(epilog=example("mlx-reward doctor"))(doctor.doctor)


def main() -> int:
    """Run the command that ``sys.argv`` names.

    Returns 0, or 1 after a failure that is reported in one line. Raises SystemExit with 2 for a
    wrong command line and 130 after Ctrl-C, as typer does.
    """
    try:
        return run(lambda: app(prog_name="mlx-reward"))
    except SystemExit as end:
        if end.code == INTERRUPTED:
            print("interrupted", file=sys.stderr)
        raise
