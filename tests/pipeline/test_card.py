"""What a model card says of a project, and what it leaves out."""

import json
from pathlib import Path

import pytest
import yaml

from mlx_reward.config.reader import DEFAULTS
from mlx_reward.exchange.model_card import CardFacts, Example
from mlx_reward.pipeline.card import card_facts
from mlx_reward.pipeline.paths import Paths

PAIR = {"prompt": "Why?", "chosen": "Because.", "rejected": "No.", "id": "2"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    test = tmp_path / "data" / "processed" / "rm" / "rm_test.jsonl"
    test.parent.mkdir(parents=True)
    long = PAIR | {"prompt": "x" * 2000, "id": "1"}
    test.write_text("".join(json.dumps(row) + "\n" for row in (long, PAIR)))
    configure(tmp_path)
    return tmp_path


def configure(project: Path, **sections: dict[str, object]) -> None:
    params = yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))
    for section, values in sections.items():
        params[section] |= values
    (project / "params.yaml").write_text(yaml.safe_dump(params))


def facts(project: Path, license: str | None = None, languages: tuple[str, ...] = ()) -> CardFacts:
    evidence = project / "metrics" / "eval.json"
    return card_facts(project / "params.yaml", Paths.below(project), evidence, license, languages)


def test_the_default_is_known_and_its_example_is_the_first_short_test_pair(project: Path) -> None:
    found = facts(project)
    assert found.base_model == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert (found.data, found.dataset, found.license) == ("starter", None, "apache-2.0")
    assert found.languages == ("en", "de", "fr", "es")
    assert found.example == Example("Why?", "Because.", "No.")


def test_of_other_data_nothing_is_guessed(project: Path) -> None:
    configure(project, data={"source": "data/raw/mine.jsonl"}, base={"source": "owner/model"})
    (project / "metrics").mkdir()
    (project / "metrics" / "probes.json").write_text('{"padding": {"fooled": 1.0, "probes": 3}}')
    found = facts(project)
    assert (found.license, found.languages, found.dataset) == (None, (), None)
    assert found.base_model == "owner/model"
    assert found.probes["padding"]["probes"] == 3
    said = facts(project, license="mit", languages=("de",))
    assert (said.license, said.languages) == ("mit", ("de",))


def test_a_preset_is_named_as_the_hub_does(project: Path) -> None:
    configure(project, data={"source": "helpsteer2"})
    assert facts(project).dataset == "nvidia/HelpSteer2"


def test_private_texts_are_no_example(project: Path) -> None:
    configure(project, report={"texts": False})
    assert facts(project).example is None


def test_outside_a_project_little_is_known(tmp_path: Path) -> None:
    assert facts(tmp_path) == CardFacts()
