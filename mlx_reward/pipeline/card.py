"""Gather what a model card says of a project: its base, its data, and an example from its tests."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlx_reward.backbones import wheel
from mlx_reward.config.base import BaseSettings
from mlx_reward.config.data import DataSettings
from mlx_reward.config.reader import read_section
from mlx_reward.config.report import ReportSettings
from mlx_reward.data.pair import iterate_pairs
from mlx_reward.data.sources.presets import PRESETS
from mlx_reward.exchange.model_card import CardFacts, Example
from mlx_reward.pipeline.paths import Paths
from mlx_reward.utils.files import read_json

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
STARTER = "starter"
STARTER_LANGUAGES = ("en", "de", "fr", "es")
OPEN_LICENSE = "apache-2.0"  # of the default base and of the starter set
LONGEST = 1000  # characters of an example


def card_facts(
    params: Path, paths: Paths, evidence: Path, license: str | None, languages: Sequence[str]
) -> CardFacts:
    """Return what is known of the model in ``paths``; outside a project that is little.

    ``license`` and ``languages`` are what a person says; they are known without one for the default
    base and the starter set alone. Probes are those beside ``evidence``.
    """
    facts = CardFacts(license=license, languages=languages, probes=_probes(evidence))
    if not params.exists():
        return facts
    base = read_section(params, "base", BaseSettings).source
    data = read_section(params, "data", DataSettings).source
    preset = PRESETS.get(data)
    facts = replace(
        facts,
        base=base,
        base_model=wheel.HUB_ID if base == wheel.NAME else _hub_id(base),
        data=data,
        dataset=preset.repo if preset else _hub_id(data),
        example=_example(paths.test) if _shows_texts(params) else None,
    )
    if data == STARTER:
        known = license or (OPEN_LICENSE if base == wheel.NAME else None)
        facts = replace(facts, license=known, languages=languages or STARTER_LANGUAGES)
    return facts


def _shows_texts(params: Path) -> bool:
    return read_section(params, "report", ReportSettings).texts


def _hub_id(source: str) -> str | None:
    """Return a source that is a repo of the hub; a file or a folder is none."""
    return source if HUB_ID.fullmatch(source) and not Path(source).exists() else None


def _example(test: Path) -> Example | None:
    """Return the first test pair that is short enough for a card."""
    if not test.exists():
        return None
    for pair in iterate_pairs(test):
        if len(str(pair.prompt)) + len(pair.chosen) + len(pair.rejected) <= LONGEST:
            return Example(pair.prompt, pair.chosen, pair.rejected)
    return None


def _probes(evidence: Path) -> dict[str, Any]:
    path = evidence.with_name("probes.json")
    found: dict[str, Any] = read_json(path, "run `dvc repro eval`") if path.exists() else {}
    return found
