"""What a command may write over: nothing of a checkpoint or of DVC's unless it is asked to, and
nothing that this program did not write.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mlx_reward.config.reader import read_yaml
from mlx_reward.model.checkpoint import ADAPTERS, HEAD
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.outputs import check_folder

CHECKPOINT = {ADAPTERS, HEAD, "adapter_config.json", "reward_config.json"}


def check_outputs(targets: Iterable[Path], overwrite: bool) -> None:
    """Refuse ``targets`` that are there and are outputs of a DVC stage, unless ``overwrite``.

    One that is not there yet is noted, for the stage would replace it.
    """
    for target in targets:
        stage = _dvc_stage(target)
        if stage is None:
            continue
        if not target.exists():
            print(f"note: {target} is an output of stage {stage}; `dvc repro` would replace it")
        elif not overwrite:
            raise InputError(
                f"{target}: an output of DVC; `dvc repro {stage}` makes it in the way that is "
                "recorded. Name another, or give --overwrite"
            )


def check_checkpoint(folder: Path, overwrite: bool) -> None:
    """Refuse a ``folder`` that holds anything but a checkpoint, and that unless ``overwrite``."""
    if not folder.exists() or not any(folder.iterdir() if folder.is_dir() else ()):
        check_folder(folder, [], overwrite=False)
        return
    foreign = [path for path in folder.rglob("*") if path.is_file() and not _is_part(path, folder)]
    if foreign or not (folder / "reward_config.json").is_file():
        what = f"holds {foreign[0].name}, which is" if foreign else "it is"
        raise InputError(f"{folder}: {what} no part of a checkpoint; name another folder")
    if not overwrite:
        raise InputError(f"{folder}: a checkpoint already; name another, or give --overwrite")


def _is_part(path: Path, folder: Path) -> bool:
    """Return whether ``path`` is a file of the checkpoint in ``folder``, or of one of its members.

    A folder within it is a member's where its name says so.
    """
    parent = path.parent
    return path.name in CHECKPOINT and (
        parent == folder or (parent.parent == folder and parent.name.startswith("member-"))
    )


def _dvc_stage(target: Path) -> str | None:
    """Return the stage whose output is ``target``, holds it or lies in it; None where none is.

    A file that `dvc add` tracks has a stage of its own, in the file beside it.
    """
    place = target.resolve()
    tracked = place.with_name(f"{place.name}.dvc")
    if tracked.is_file():
        return tracked.name
    for folder in place.parents:
        for stage, output in _outputs(folder):
            if place == output or place in output.parents or output in place.parents:
                return stage
    return None


def _outputs(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (stage, path) of each output that dvc.yaml in ``folder`` declares."""
    path = folder / "dvc.yaml"
    pipeline = read_yaml(path) if path.is_file() else {}
    stages = pipeline.get("stages") if isinstance(pipeline, dict) else None
    for name, stage in (stages or {}).items():
        for output in _declared(stage):
            yield str(name), (folder / stage.get("wdir", ".") / output).resolve()


def _declared(stage: Any) -> list[str]:
    """Return the outputs of a stage; each is a path, or an object with the path as its key."""
    if not isinstance(stage, dict):
        return []
    entries = [entry for kind in ("outs", "metrics", "plots") for entry in stage.get(kind) or []]
    return [next(iter(entry)) if isinstance(entry, dict) else str(entry) for entry in entries]
