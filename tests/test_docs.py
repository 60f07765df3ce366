"""Every command of the pages in docs/ runs, page after page in one small project."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests import ROOT
from tests.pipeline.test_pipeline_run import configure, make_project
from tests.test_readme import fill

pytestmark = pytest.mark.slow
PAGES = ["train", "data", "report", "label", "serve", "export", "machines", "rl"]
WITHOUT_COMMANDS = {"README", "architecture", "ci", "install", "teams"}
COPIED = (
    "mlx_reward",
    "stages",
    "data/starter",
    "dvc.yaml",
    "params.yaml",
    ".dvc/config",
    ".dvc/plots",
    ".dvcignore",
    ".gitignore",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with this project's pipeline, a tiny backbone and small data."""
    folder = tmp_path_factory.mktemp("docs")
    for name in COPIED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copyfile(source, target)
    make_project(folder)
    configure(folder, train={"learning_rate": 3e-3})
    rows = [
        {
            "prompt": f"q{n}",
            "responses": ["aeiou" * (1 + n % 3), "bdafe", "xzvbn"],
            "scores": [0, 1, 2] if n % 6 == 5 else [2, 1, 0],
        }
        for n in range(120)  # one in six the wrong way round: enough to learn, and never all right
    ]
    (folder / "data" / "raw" / "mine.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    bash(
        folder,
        [
            "git init -q",
            "git config user.email a@b",
            "git config user.name a",
            "git add -A",
            "git commit -qm all",
        ],
    )
    return folder


def bash(folder: Path, commands: list[str]) -> str:
    """Return the output of ``commands``, of which none may fail."""
    return str(fill.bash(commands, folder, code=folder))


def test_every_page_is_run() -> None:
    assert {p.stem for p in (ROOT / "docs").glob("*.md")} == {*PAGES, *WITHOUT_COMMANDS}
    for page in WITHOUT_COMMANDS:
        assert not commands_of(page)


def commands_of(page: str) -> list[str]:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", text, re.S)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run(project: Path, page: str) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", text, re.S)
    assert commands_of(page) or examples
    bash(project, commands_of(page))
    for code in examples:
        assert bash(project, [f"python - <<'END'\n{code}\nEND"])
