"""One line for what a user can mend, a traceback only for an error in this program."""

import errno
import sys
from collections.abc import Callable
from types import TracebackType

_REMEDIES = {
    errno.ENOSPC: "free some space and run again; nothing half-written was left",
    errno.EDQUOT: "your disk quota is used up; free some space and run again",
    errno.EACCES: "check the permissions of the file and its folder",
    errno.ENOENT: "check the path",
}


_LONGEST = 300  # characters of another library's message


class InputError(Exception):
    """What the user gave cannot be used. The message is one line: where, what, remedy."""


def first_line(error: BaseException) -> str:
    """Return the first line of the message of ``error``, or its kind where it has none."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:_LONGEST]


def run(main: Callable[[], None]) -> int:
    """Run ``main`` and return its exit status; a foreseeable failure is one line on stderr."""
    try:
        main()
    except InputError as error:
        return _fail(str(error))
    except OSError as error:
        if error.filename is None and error.errno not in _REMEDIES:
            raise
        where = f"{error.filename}: " if error.filename is not None else ""
        remedy = _REMEDIES.get(error.errno or 0, "mend that and run again")
        return _fail(f"{where}{error.strerror}; {remedy}")
    except ModuleNotFoundError as error:
        from mlx_reward.utils.install import missing_extra  # where it is needed, which is rare

        line = missing_extra(error.name or "")
        if line is None:
            raise
        return _fail(line)
    except MemoryError:
        return _fail("out of memory; lower train.batch_size or train.max_seq_length")
    return 0


def quiet_interrupts() -> None:
    """Print one line instead of a traceback on Ctrl-C, even during imports.

    KeyboardInterrupt still unwinds, so that temporary files are removed.
    """
    default = sys.excepthook

    def hook(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            print("interrupted; run again to go on", file=sys.stderr)
        else:
            default(kind, error, traceback)

    sys.excepthook = hook


def _fail(line: str) -> int:
    print(f"error: {line}", file=sys.stderr)
    return 1
