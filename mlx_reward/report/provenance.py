"""Where a model comes from: what it takes to make it again, or to know that it is this one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Setting(NamedTuple):
    """A parameter that differs from its default."""

    name: str
    default: Any
    value: Any


@dataclass(frozen=True)
class Provenance:
    """``commit`` is that of code, parameters and data; ``date`` is its date, or today's where
    ``uncommitted`` changes, or no commit at all, stand behind the run.
    """

    base: str
    base_digest: str
    data_source: str
    seed: int
    date: str
    commit: str | None = None
    uncommitted: bool = False
    settings: Sequence[Setting] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The beginning of the base's digest, which tells it from any other."""
        return self.base_digest[:12]
