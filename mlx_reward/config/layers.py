"""Settings of a command: the package's defaults, then ``--config``, ``--set`` and its own flags.

The later layer wins. Each is checked as it is laid on, so that a message names the right one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlx_reward.config.reader import DEFAULTS, S, checked, nearest, parse_value, read_yaml
from mlx_reward.utils.errors import InputError

_ASSIGNMENT = re.compile(r"(\w+)\.([\w.]+)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Layers:
    """What a command was given for the ``sections`` that it reads.

    ``assignments`` are those of ``--set``, as "train.loss.kind=plackett_luce"; ``flags`` the
    values of its own options by their keys, as "train.lora.rank", None where one was not given.
    """

    sections: Sequence[str]
    config: Path | None = None
    assignments: Sequence[str] = ()
    flags: Mapping[str, Any] = field(default_factory=dict)

    def read(self, section: str, kind: type[S]) -> S:
        """Return ``section``; InputError names the layer, the key and what is allowed."""
        values = read_yaml(DEFAULTS)[section]
        settings = kind.model_validate(values)
        for name, changes in self._layers(section):
            values = _merged(values, changes)
            settings = checked(name, section, kind, values)
        return settings

    def _layers(self, section: str) -> list[tuple[str, Any]]:
        """Return (name for messages, changes) of each layer over the defaults."""
        assigned = (self._assignment(text) for text in self.assignments)
        given = ((key, value) for key, value in self.flags.items() if value is not None)
        layers = [(str(self.config), self._of_file(section))] if self.config else []
        layers += [("--set", _nested(key, value)) for key, value in assigned]
        layers += [("command line", _nested(key, value)) for key, value in given]
        return [
            (name, changes[section])
            for name, changes in layers
            if isinstance(changes, dict) and section in changes
        ]

    def _of_file(self, section: str) -> dict[str, Any]:
        assert self.config is not None
        params = read_yaml(self.config)
        if not isinstance(params, dict):
            raise InputError(f"{self.config}: not a file of settings, such as params.yaml")
        known = read_yaml(DEFAULTS)
        for name in params:
            if name not in known:
                near = nearest(str(name), known)
                hint = f"; the nearest is '{near}'" if near else f"; there are {', '.join(known)}"
                raise InputError(f"{self.config}: section '{name}' is unknown{hint}")
        return params

    def _assignment(self, text: str) -> tuple[str, Any]:
        match = _ASSIGNMENT.fullmatch(text)
        if match is None:
            raise InputError(f"--set {text}: not KEY=VALUE, such as train.loss.kind=plackett_luce")
        section, key, value = match.groups()
        if section not in self.sections:
            raise InputError(
                f"--set {text}: this command reads the settings of {' and '.join(self.sections)}"
            )
        return f"{section}.{key}", parse_value(value)


def _nested(key: str, value: Any) -> dict[str, Any]:
    """Return {"train": {"lora": {"rank": value}}} for the key "train.lora.rank"."""
    for name in reversed(key.split(".")):
        value = {name: value}
    return dict(value)


def _merged(values: Any, changes: Any) -> Any:
    """Return ``values`` with ``changes`` laid over them, objects key by key."""
    if not isinstance(values, dict) or not isinstance(changes, dict):
        return changes
    return values | {key: _merged(values.get(key), value) for key, value in changes.items()}
