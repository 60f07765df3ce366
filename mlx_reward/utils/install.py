"""How this package came to be installed, and so how a part of it that is missing is added."""

import json
import shlex
from collections.abc import Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

PACKAGE = "mlx-reward"
REPOSITORY = Path(__file__).parents[2]  # where the package runs from a clone of it
BACKENDS = {"mlx-cpu": "cpu", "mlx-cuda-12": "cuda"}  # packages, and the extras that ask for them
# Modules that only some parts of this package import, and the extra that asks for each.
EXTRAS = {
    "dvc": "pipeline",
    "scipy": "pipeline",
    "sklearn": "pipeline",
    "datasketch": "pipeline",
    "krippendorff": "pipeline",
    "gguf": "pipeline",
    "fastapi": "serve",
    "fastapi_offline": "serve",
    "prometheus_client": "serve",
    "uvicorn": "serve",
    "datasets": "hub",
    "pyarrow": "hub",
    "dvclive": "dvclive",
    "wandb": "wandb",
}


def package_version() -> str:
    """Return the version of this package; "0+source" where it runs from a folder uninstalled."""
    try:
        return distribution(PACKAGE).version
    except PackageNotFoundError:
        return "0+source"


def requirement(*extras: str) -> str:
    """Return the line of a requirements.txt that installs this package as it is installed here.

    It asks for MLX's backend and ``extras``, from the wheel, repository or folder that pip recorded
    in direct_url.json (PEP 610), or in this version where the package came from an index.
    """
    return _line(distribution(PACKAGE), [*_backends(), *extras])


def install_command(*extras: str) -> str:
    """Return the command that adds ``extras`` to this package, from where it was installed."""
    folder = _source_folder()
    if folder is not None:
        return f"pip install -e {shlex.quote(str(folder) + _bracketed(extras))}"
    return f"pip install {shlex.quote(_line(distribution(PACKAGE), extras))}"


def missing_extra(module: str) -> str | None:
    """Return the sentence that says how to get ``module``, None where no extra asks for it."""
    top = module.partition(".")[0]
    extra = EXTRAS.get(top)
    if extra is None:
        return None
    return f"{top} is not installed, which the extra '{extra}' brings; {install_command(extra)}"


def _source_folder() -> Path | None:
    """Return the folder that the package runs from, None where it was copied out of one."""
    try:
        direct_url = _direct_url(distribution(PACKAGE))
    except PackageNotFoundError:
        return REPOSITORY
    directory = direct_url.get("dir_info") if direct_url else None
    if isinstance(directory, dict) and directory.get("editable"):
        return Path(url2pathname(urlparse(str(direct_url["url"])).path))
    return None


def _line(installed: Distribution, extras: Sequence[str]) -> str:
    name = PACKAGE + _bracketed(extras)
    direct_url = _direct_url(installed)
    if not direct_url:
        return f"{name}=={installed.version}"
    url = str(direct_url["url"])
    vcs, archive = direct_url.get("vcs_info"), direct_url.get("archive_info")
    if isinstance(vcs, dict):
        return f"{name} @ {vcs['vcs']}+{url}@{vcs['commit_id']}"
    if isinstance(archive, dict) and archive.get("hashes"):
        kind, value = next(iter(archive["hashes"].items()))
        return f"{name} @ {url}#{kind}={value}"
    return f"{name} @ {url}"


def _bracketed(extras: Sequence[str]) -> str:
    return f"[{','.join(extras)}]" if extras else ""


def _direct_url(installed: Distribution) -> dict[str, object]:
    """Return what pip recorded of the place that a package came from; empty for an index."""
    recorded = installed.read_text("direct_url.json")
    return dict(json.loads(recorded)) if recorded else {}


def _backends() -> list[str]:
    return [extra for package, extra in BACKENDS.items() if _is_installed(package)]


def _is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True
