"""The BLAS that MLX gets on a Linux CPU."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from mlx_reward.cpu import blas
from mlx_reward.utils import cache_folder
from mlx_reward.utils.fingerprint import PACKAGE

CPU_BUILD = sys.platform == "linux" and any(
    d.metadata["Name"] == "mlx-cpu" for d in metadata.distributions()
)
pytestmark = pytest.mark.skipif(
    not CPU_BUILD, reason="only MLX's CPU build on Linux takes another BLAS"
)


def report(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        f"{code}; from mlx_reward.cpu import prepare; print(prepare.status())",
    ]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60
    )


def test_openblas_is_made_once_and_loaded(tmp_path: Path) -> None:
    first = report("import mlx_reward.cpu", XDG_CACHE_HOME=str(tmp_path))
    assert first.stdout.startswith("OpenBLAS")
    assert first.stderr == ""
    made = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "mlx-reward").iterdir()}
    assert report("import mlx_reward.cpu", XDG_CACHE_HOME=str(tmp_path)).stdout == first.stdout
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "mlx-reward").iterdir()} == made


def test_one_copy_of_it_is_loaded_and_its_own_calls_stay_in_it() -> None:
    """The wheel's import loaded another, in which the number of threads was set instead."""
    code = """
import ctypes, mlx_reward.cpu
from mlx_reward.cpu import blas
own = ctypes.CDLL(str(blas.plain_copy()))
own.openblas_set_num_threads(2)
assert own.openblas_get_num_threads() == 2
maps = open("/proc/self/maps").read()
assert "scipy_openblas32" not in maps
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


ROOMS_WITH_MLX = [
    "cpu",
    "backbones",
    "model",
    "engine",
    "training",
    "inference",
    "exchange",
    "server",
]
ROOMS_WITHOUT = ["utils", "config", "data", "evaluation", "report", "pipeline", "cli"]


@pytest.mark.parametrize("room", ROOMS_WITH_MLX)
def test_each_room_that_loads_mlx_has_it_when_imported_alone(room: str) -> None:
    modules = sorted(p.stem for p in (PACKAGE / room).glob("*.py") if p.stem != "__init__")
    late = "from mlx_reward.cpu import prepare; was = prepare._status"
    code = f"import mlx_reward.{room}.{modules[0]}; {late}; assert was and 'OpenBLAS' in was, was"
    answer = report(code)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""


@pytest.mark.parametrize("room", ["", *(f".{room}" for room in ROOMS_WITHOUT)])
def test_importing_the_others_prepares_nothing_and_loads_no_mlx(room: str) -> None:
    """The package once loaded a library for the whole process of whoever imported it."""
    absent = "{'mlx.core', 'mlx_reward.cpu'}"
    code = f"import sys, mlx_reward{room}; assert not {absent} & set(sys.modules)"
    assert report(code).returncode == 0


def test_mlx_calls_it_and_gets_the_same_numbers() -> None:
    code = (
        "import mlx_reward.cpu, mlx.core as mx, numpy as np;"
        "a = np.random.default_rng(0).normal(size=(64, 64)).astype('f4');"
        "assert np.allclose(np.array(mx.array(a) @ mx.array(a)), a @ a, atol=1e-3)"
    )
    assert report(code).returncode == 0


def test_importing_mlx_first_is_told_with_the_remedy() -> None:
    """It once made every training step twenty times slower without a word."""
    answer = report("import mlx.core; import mlx_reward.engine")
    assert answer.stdout == "MLX's own\n"
    assert "import mlx_reward.cpu first" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_it_can_be_turned_off_and_a_wrong_path_is_told() -> None:
    assert report("import mlx_reward.cpu", MLX_REWARD_BLAS="off").stderr == ""
    answer = report("import mlx_reward.cpu", MLX_REWARD_BLAS="/nowhere/libblas.so")
    assert "/nowhere/libblas.so" in answer.stderr
    assert answer.stdout == "MLX's own\n"


def test_a_users_own_kernels_are_respected(tmp_path: Path) -> None:
    answer = report(
        "import mlx_reward.cpu", OPENBLAS_CORETYPE="Haswell", XDG_CACHE_HOME=str(tmp_path)
    )
    assert "Haswell kernels" in answer.stdout


def test_a_cache_that_cannot_be_written_falls_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cache_folder.cache_folder().is_dir()


def test_prefixed_names_are_found_in_the_library() -> None:
    names = blas.exported(
        b"\0scipy_cblas_sgemm\0other\0scipy_openblas_get_corename\0scipy_dgesv_\0"
    )
    assert names == {"cblas_sgemm", "openblas_get_corename"}
