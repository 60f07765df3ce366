"""README.md, CONTRIBUTING.md and docs/: length, paths they name, figures and outputs they show."""

import importlib.util
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from tests import ROOT

SPEC = importlib.util.spec_from_file_location("fill", ROOT / "docs" / "fill.py")
assert SPEC
assert SPEC.loader
fill = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(fill)

PAGES = [*fill.pages(), ROOT / "CONTRIBUTING.md", ROOT / "data" / "starter" / "README.md"]
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#]+)\)")
PATH = re.compile(r"[\w.*/<>-]+/[\w.*/<>-]*|[\w-]+\.(py|md|ya?ml|toml)")
FOLDERS = {path.name for folder in (ROOT, ROOT / "mlx_reward") for path in folder.iterdir()}
MADE = {  # by a run that is under way, or by the reader
    "checkpoints/.training_run-*.safetensors",
    "data/raw/mine.jsonl",
    "data/raw/yours.jsonl",
    "metrics/live/",
}
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


def made_by_dvc() -> set[str]:
    """Outputs of dvc.yaml, which a fresh clone may lack."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    outs = [out for stage in stages.values() for out in stage.get("outs", [])]
    return {next(iter(out)) if isinstance(out, dict) else out for out in outs}


def paths_of(text: str) -> list[tuple[str, str]]:
    """Return (path, name) of what stands in backticks; ``name``: a function or class, or empty."""
    found = []
    for code in CODE.findall(re.sub(r"```.*?```", "", text, flags=re.S)):
        path, _, name = code.partition(": ")
        is_ours = "/" not in path or path.split("/")[0] in FOLDERS
        if PATH.fullmatch(path) and is_ours:
            found.append((path, name))
    return found


def find(path: str) -> Path | None:
    """Return the file or folder of ``path`` in the repository or the package."""
    places = (ROOT / path, ROOT / "mlx_reward" / path)
    return next((place for place in places if place.exists()), None)


def is_known(path: str) -> bool:
    pattern = path.replace("<section>", "*")
    if find(path) or ("*" in pattern and any(ROOT.glob(pattern))):
        return True
    names = made_by_dvc() | MADE
    return any(fnmatch(name, path) or name.endswith(f"/{path}") for name in names)


def test_the_readme_fits_on_a_few_screens() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


def test_every_path_that_is_named_exists() -> None:
    named = {(page.name, path) for page in PAGES for path, _ in paths_of(page.read_text())}
    assert len(named) > 90  # that many: the pattern still finds them
    assert [(page, path) for page, path in sorted(named) if not is_known(path)] == []


def test_every_name_in_a_file_is_defined_there() -> None:
    named = {found for page in PAGES for found in paths_of(page.read_text()) if found[1]}
    assert len(named) > 10
    for path, name in sorted(named):
        file = find(path)
        assert file, path
        defined = rf"^ *((def|class) {name}\b|{name}(:.*)? =)"
        assert re.search(defined, file.read_text(encoding="utf-8"), re.M), f"{path}: {name}"


@pytest.mark.parametrize("path", ["data/nowhere.py", "engine/nothing.py", "nowhere.yaml"])
def test_a_path_that_does_not_exist_is_found_out(path: str) -> None:
    assert paths_of(f"see `{path}`") == [(path, "")]
    assert not is_known(path)


def test_every_link_leads_to_a_file() -> None:
    for page in PAGES:
        links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
        missing = [link for link in links if not (page.parent / link).exists()]
        assert not missing, f"{page.name}: {missing}"


@pytest.mark.parametrize("page", fill.pages(), ids=lambda page: page.name)
def test_figures_are_those_of_the_committed_run(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count("<!-- fill: ") == len(fill.FILLED.findall(text))
    assert text == fill.fill(text), "run `python docs/fill.py`"


def test_every_figure_that_can_be_filled_in_is_shown() -> None:
    shown = {name for page in fill.pages() for _, name, _ in fill.FILLED.findall(page.read_text())}
    assert shown == set(fill.BLOCKS)


def test_the_six_worst_probes_are_named_with_their_counts() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(re.findall(r"\(`\w+`\) \| \d+ of \d+ \|", text)) == 6


def test_a_transcript_is_run_again_and_its_old_output_replaced() -> None:
    page = (
        "<!-- run -->\n```console\n$ echo 1 2\nstale\n\n$ true\n```\n"
        "<!-- run -->\n```python\n"
        ">>> for i in range(2):\n...     print(i)\nstale\n>>> 1 + 1\n3\n```\n"
        "<!-- run-long -->\n```console\n$ false\nstays\n```\n"
    )
    assert fill.run_examples(page, "run") == (
        "<!-- run -->\n```console\n$ echo 1 2\n1 2\n\n$ true\n```\n"
        "<!-- run -->\n```python\n"
        ">>> for i in range(2):\n...     print(i)\n0\n1\n>>> 1 + 1\n2\n```\n"
        "<!-- run-long -->\n```console\n$ false\nstays\n```\n"
    )


@pytest.mark.slow
def test_the_examples_print_what_the_readme_shows() -> None:
    """Within rounding: the model of another machine differs in late digits."""
    if not (ROOT / "checkpoints" / "rm_model_bt").exists():
        pytest.skip("no trained model; run `make repro` first")
    shown = (ROOT / "README.md").read_text(encoding="utf-8")
    printed = fill.run_examples(shown, "run")
    assert NUMBER.sub("#", printed) == NUMBER.sub("#", shown)
    for before, now in zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True):
        assert float(now) == pytest.approx(float(before), abs=0.05), (
            "run `python docs/fill.py --run`"
        )
