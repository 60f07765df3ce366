"""Start a project of one's own: a folder with the pipeline, its settings, and a place for data."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

from mlx_reward.config.reader import DEFAULTS
from mlx_reward.pipeline.run import STAGES
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.install import missing_extra, requirement

TEMPLATE = resources.files("mlx_reward.pipeline") / "template"
STAGE_SCRIPT = '''\
"""Run stage {name} of dvc.yaml, as ``python -m stages.{name}``."""

import sys

from mlx_reward.pipeline.run import run_stage

sys.exit(run_stage("{name}"))
'''
IGNORED_BY_GIT = "__pycache__/\n.venv*/\n*.tmp\n/dvc_plots/\n/metrics/live/\n"
RAW_README = """\
Put preference data here, and its path into `data.source` of params.yaml. The pipeline watches this
folder: when a file in it changes, `dvc repro` runs again from there. Git ignores what you put here;
`dvc add` shares it.
"""


def create(folder: Path, data: Path | None, base: str | None) -> None:
    """Write a project to ``folder``, a Git and DVC repository; nothing that exists is replaced.

    ``data`` is copied to data/raw/ and becomes ``data.source``; without it the starter set is used.
    ``base`` becomes ``base.source``. Raises InputError where a file of the project exists already,
    or Git is missing.
    """
    files = _files(data, base)
    clashes = [name for name in [*files, ".dvc/plots"] if (folder / name).exists()]
    if clashes:
        raise InputError(f"{folder / clashes[0]} exists already; name an empty or new folder")
    if shutil.which("git") is None:
        raise InputError("git is not installed; DVC keeps a project's versions in it")
    if find_spec("dvc") is None:
        raise InputError(str(missing_extra("dvc")))
    _write(folder, files)
    if data is not None:
        shutil.copyfile(data, folder / "data" / "raw" / data.name)
    if _run(["git", "rev-parse", "--is-inside-work-tree"], folder, check=False) != 0:
        _run(["git", "init", "--quiet"], folder)
    if not (folder / ".dvc").exists():
        _run([sys.executable, "-m", "dvc", "init", "--quiet", "--subdir"], folder)
        _run([sys.executable, "-m", "dvc", "config", "core.analytics", "false"], folder)
    _write(folder, _plot_templates())


def _write(folder: Path, files: dict[str, str]) -> None:
    """Write each text to its path in ``folder``."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _plot_templates() -> dict[str, str]:
    """Return how `dvc plots` draws; they follow `dvc init`, which makes the folder they lie in."""
    found = {}
    for template in (TEMPLATE / "plots").iterdir():
        found[f".dvc/plots/{template.name}"] = template.read_text(encoding="utf-8")
    return found


def _files(data: Path | None, base: str | None) -> dict[str, str]:
    """Return the text of each file of a new project by its path in it."""
    stages = {f"stages/{name}.py": STAGE_SCRIPT.format(name=name) for name in STAGES}
    return {
        "dvc.yaml": (TEMPLATE / "dvc.yaml").read_text(encoding="utf-8"),
        "params.yaml": _params(data, base),
        "requirements.txt": requirement("pipeline") + "\n",
        ".gitignore": IGNORED_BY_GIT,
        ".github/workflows/model.yml": (TEMPLATE / "workflows" / "model.yml").read_text("utf-8"),
        "data/raw/.gitignore": "*\n!.gitignore\n!README.md\n",
        "data/raw/README.md": RAW_README,
        **stages,
    }


def _params(data: Path | None, base: str | None) -> str:
    """Return the default params.yaml, with its comments, and the sources that were named."""
    text = DEFAULTS.read_text(encoding="utf-8")
    if data is not None:
        text = _with_source(text, "data", f"data/raw/{data.name}")
    if base is not None:
        text = _with_source(text, "base", base)
    return text


def _with_source(params: str, section: str, source: str) -> str:
    """Return ``params`` with another value of the key ``source`` of a section."""
    line = re.compile(rf"(?m)^({section}:\n  source: )\S+")
    plain = re.fullmatch(r"[\w./-]+", source)
    value = source if plain else json.dumps(source, ensure_ascii=False)  # JSON is YAML too
    return line.sub(lambda match: match[1] + value, params)


def _run(command: Sequence[str], folder: Path, check: bool = True) -> int:
    """Run a command in ``folder`` and return its exit status; InputError where it must succeed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if check and done.returncode != 0:
        reason = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
        raise InputError(f"{' '.join(command[:3])} failed in {folder}: {reason}")
    return done.returncode
