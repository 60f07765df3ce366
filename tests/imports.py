"""Which of the project's own modules a module imports, directly or not, read off the source."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


@cache
def direct(path: str) -> frozenset[str]:
    """Files of this project that the file at ``path`` (relative to the root) imports, packages included."""
    names: set[str] = set()
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    for_types = {id(inner) for node in ast.walk(tree) if _is_type_checking(node) for inner in ast.walk(node)}
    for node in (n for n in ast.walk(tree) if id(n) not in for_types):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(file for name in names for file in files(name))


def _is_type_checking(node: ast.AST) -> bool:
    """`if TYPE_CHECKING:`, which never runs."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def files(module: str) -> set[str]:
    """The file of ``module`` and the ``__init__`` of every package above it, as far as they belong to the project."""
    parts = module.split(".")
    candidates = ["/".join(parts) + ".py"] + ["/".join(parts[:n]) + "/__init__.py" for n in range(1, len(parts) + 1)]
    return {c for c in candidates if (ROOT / c).is_file()}


def closure(path: str) -> set[str]:
    """``path`` and all that it imports, directly or not."""
    found: set[str] = set()
    waiting = {path, *(["stages/__init__.py"] if path.startswith("stages/") else [])}
    while waiting:
        current = waiting.pop()
        found.add(current)
        waiting |= direct(current) - found
    return found
