"""Stored results are used again just as long as nothing that computed them has changed."""

import shutil
from pathlib import Path

import pytest

from mlx_reward.engine.fingerprint import ROOMS
from mlx_reward.inference.jobs import JOBS
from mlx_reward.training.state import TRAINING
from mlx_reward.utils import fingerprint
from mlx_reward.utils.fingerprint import PACKAGE, code_digest

KEYS = {"frozen states": ROOMS, "training run": (*ROOMS, *TRAINING), "row job": (*ROOMS, *JOBS)}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return Path(
        shutil.copytree(
            PACKAGE, tmp_path / "mlx_reward", ignore=shutil.ignore_patterns("__pycache__")
        )
    )


@pytest.mark.parametrize("key", KEYS)
def test_a_comment_in_the_command_line_voids_nothing(key: str, package: Path) -> None:
    """Once every file of the package root was hashed, so that a comment in cli.py voided states."""
    before = code_digest(KEYS[key], package)
    assert before == code_digest(KEYS[key])
    with (package / "cli" / "main.py").open("a") as file:
        file.write("# a comment\n")
    assert code_digest(KEYS[key], package) == before


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        ("frozen states", "cpu/attention.py"),
        ("frozen states", "backbones/gguf.py"),
        ("training run", "cpu/attention.py"),
        ("training run", "data/sampler.py"),
        ("row job", "cpu/attention.py"),
        ("row job", "inference/label.py"),
        ("row job", "data/formats/conversation.py"),
    ],
)
def test_a_change_of_code_that_computes_voids_what_it_computed(
    key: str, changed: str, package: Path
) -> None:
    before = code_digest(KEYS[key], package)
    with (package / changed).open("a") as file:
        file.write("# a change\n")
    assert code_digest(KEYS[key], package) != before


def test_another_version_of_mlx_lm_voids_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """mlx-lm's version was left out once, though its code computes every hidden state."""
    before = code_digest(ROOMS)
    known = fingerprint.version
    monkeypatch.setattr(
        fingerprint, "version", lambda name: "0.0.0" if name == "mlx-lm" else known(name)
    )
    assert code_digest(ROOMS) != before


def test_a_room_that_does_not_exist_is_an_error(package: Path) -> None:
    """After a rename nothing would be hashed, and stale states be used again."""
    with pytest.raises(FileNotFoundError, match="room_of_old"):
        code_digest(("room_of_old",), package)
