"""Reads a section of params.yaml into a frozen, checked model; errors are one line."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from mlx_reward.utils.errors import InputError

DEFAULTS = Path(__file__).with_name("defaults.yaml")  # their one home; params.yaml begins as it


class Settings(BaseModel):
    """Base of every section: no unknown key, no coercion between types, immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class _Loader(yaml.SafeLoader):
    """Reads plain values as in YAML 1.2, as DVC does.

    PyYAML alone takes 5e-05 for text, and off for false.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012  # as PyYAML declares it
        first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:bool"]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("(true|false|True|False|TRUE|FALSE)$"), list("tTfF")
)
# Parts of pydantic's location of an error that name a type of a union, not a key.
_TYPE_NAMES = re.compile(r"int|float|str|bool|none|.*[A-Z\[].*|constrained-.*")

TAKE_OVER = "; take it over from the project's params.yaml"

S = TypeVar("S", bound=Settings)


def read_section(path: Path, section: str, kind: type[S]) -> S:
    """Return ``section`` of the YAML file at ``path``.

    InputError names the key, its value and what is allowed. A section all of whose keys have a
    default may be missing.
    """
    params = read_yaml(path)
    if not isinstance(params, dict) or section not in params:
        near = nearest(section, params if isinstance(params, dict) else {})
        if near is None and not any(f.is_required() for f in kind.model_fields.values()):
            return kind()
        raise InputError(
            f"{path}: section '{section}' is missing"
            + (f", but there is '{near}'; mend its spelling" if near else TAKE_OVER)
        )
    return checked(str(path), section, kind, params[section])


def checked(origin: str, section: str, kind: type[S], values: Any) -> S:
    """Return ``values`` as ``section``; InputError names their ``origin`` and what is wrong."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{origin}: {_explain(section, kind, error)}") from None


def parse_value(text: str) -> Any:
    """Return the value that ``text`` is in a YAML file; InputError where it is none."""
    try:
        return yaml.load(text, _Loader)  # a SafeLoader
    except yaml.YAMLError as error:
        raise InputError(f"{text}: not a value of YAML: {' '.join(str(error).split())}") from None


def read_yaml(path: Path) -> Any:
    """Return the contents of a YAML file; InputError where there is none."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # a SafeLoader
    except FileNotFoundError:
        raise InputError(
            f"{path}: not there; run from the project's root, or begin one with `mlx-reward init`"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from None


def _explain(section: str, kind: type[Settings], error: ValidationError) -> str:
    """Return one line about the first thing that is wrong; a misspelt key comes before its lack."""
    errors = error.errors()
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    keys = [str(part) for part in first["loc"] if not _TYPE_NAMES.fullmatch(str(part))]
    key = ".".join([section, *keys])
    if first["type"] == "extra_forbidden":
        near = nearest(keys[-1], _known_keys(kind, keys[:-1]))
        return f"{key} is unknown; " + (
            f"the nearest key is {near}" if near else "remove it or mend its spelling"
        )
    if first["type"] == "missing":
        return f"{key} is missing{TAKE_OVER}"
    message = first["msg"].removeprefix("Value error, ")
    reason = message[0].lower() + message[1:]
    value = first["input"]
    hint = ""
    if isinstance(value, str) and _is_number(value):
        hint = " (a number stands without quotes)"
    return f"{key} is {value!r}: {reason}{hint}"


def _known_keys(kind: type[BaseModel], path: list[str]) -> Iterable[str]:
    """Return the keys of ``kind``, or of the part of it that ``path`` leads to."""
    for key in path:
        inner = kind.model_fields[key].annotation if key in kind.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        kind = inner
    return kind.model_fields


def nearest(key: str, known: Iterable[str]) -> str | None:
    """Return the one of ``known`` that ``key`` may be a misspelling of, None where none is."""
    return next(iter(get_close_matches(key, map(str, known), 1, 0.6)), None)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
