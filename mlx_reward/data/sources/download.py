"""Downloads over HTTP: resumed after a break, checked before they take the file's name."""

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from mlx_reward.utils.errors import InputError
from mlx_reward.utils.progress import bar

BLOCK = 1 << 16


def download(url: str, target: Path, check: Callable[[Path], str | None]) -> Path:
    """Return ``target``, downloaded from ``url`` unless it is there.

    ``check`` returns what is wrong with a file, or None; a wrong file is removed. InputError says
    why a download failed.
    """
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        _fetch(url, part)
    except (urllib.error.URLError, OSError) as error:
        raise InputError(
            f"{url}: the download failed ({error}); run again to go on where it stopped"
        ) from None
    wrong = check(part)
    if wrong:
        part.unlink()
        raise InputError(f"{url}: {wrong}; what was fetched is thrown away, run again")
    return part.replace(target)


def _fetch(url: str, part: Path) -> None:
    """Download ``url`` to ``part``, from where an earlier download stopped."""
    begun = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={begun}-"} if begun else {})
    try:
        response = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is left to fetch
            return
        raise
    with response, part.open("ab" if response.status == 206 else "wb") as file:
        wanted = response.length
        with bar(total=wanted, what=part.name.removesuffix(".part"), unit="B") as progress:
            while block := response.read(BLOCK):
                file.write(block)
                progress.update(len(block))
    if wanted is not None and response.length:  # the connection closed early
        raise OSError(f"{response.length} of {wanted} bytes are missing")
