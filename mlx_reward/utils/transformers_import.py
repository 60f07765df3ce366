"""The first import of transformers, without its advice to install PyTorch.

Only tokenizers are used of it. The advice is given while it is imported, and only an environment
variable silences it; that is set for the import alone, so that the environment of the process, and
of those that it starts, stays as it was.
"""

import os

_VARIABLE = "TRANSFORMERS_NO_ADVISORY_WARNINGS"


def import_transformers() -> None:
    """Import transformers in silence; a second call does nothing."""
    own_choice = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = own_choice or "1"
    try:
        import transformers  # noqa: F401
    finally:
        if own_choice is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = own_choice
