"""Files over HTTP: a broken download goes on where it stopped, and nothing unchecked takes the file's name."""

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from mlx_reward.utils.errors import InputError
from mlx_reward.utils.progress import bar

BLOCK = 1 << 16


def download(url: str, target: Path, check: Callable[[Path], str | None]) -> Path:
    """``target``, fetched from ``url`` unless it is there. ``check`` returns what is wrong with a file, or None."""
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
    if wrong := check(part):
        part.unlink()
        raise InputError(f"{url}: {wrong}; what was fetched is thrown away, run again")
    return part.replace(target)


def _fetch(url: str, part: Path) -> None:
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
