"""Datasets of the hub through stage data, from a loopback server that speaks part of its API."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests import ROOT
from tests.loopback import Site, serve

SHA = "a" * 40
ROWS = {
    "train": [{"prompt": f"q{n}", "chosen": "a", "rejected": "b"} for n in range(5)],
    "validation": [{"prompt": "v", "chosen": "c", "rejected": "d"}],
    "test": [{"prompt": "t", "chosen": "c", "rejected": "d"}],
}


def publish(site: Site, repo: str, *splits: str) -> None:
    """Put a dataset onto the site, a file a split."""
    files = {
        f"{split}.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS[split]).encode()
        for split in splits
    }
    siblings = [{"rfilename": name} for name in files]
    about = json.dumps({"id": repo, "sha": SHA, "siblings": siblings, "tags": []}).encode()
    tree = [
        {"type": "file", "path": name, "size": len(data), "oid": "b" * 40}
        for name, data in files.items()
    ]
    site.pages |= {
        f"/datasets/{repo}/resolve/{SHA}/{name}": data for name, data in files.items()
    } | {
        f"/api/datasets/{repo}": about,
        f"/api/datasets/{repo}/revision/{SHA}": about,
        f"/api/datasets/{repo}/revision/main": about,
        f"/api/datasets/{repo}/tree/{SHA}": json.dumps(tree).encode(),
    }


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as found:
        publish(found, "org/set", "train", "test")
        found.headers = {"X-Repo-Commit": SHA, "Content-Type": "application/json"}
        yield found


def environment(folder: Path, site: Site) -> dict[str, str]:
    own = {"PYTHONPATH": str(ROOT), "HF_ENDPOINT": site.url, "HF_HOME": str(folder / "hub")}
    return os.environ | own


def run_data(folder: Path, site: Site, **changes: str) -> subprocess.CompletedProcess[str]:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["data"] |= changes
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    return subprocess.run(
        [sys.executable, "-m", "stages.data"],
        cwd=folder,
        env=environment(folder, site),
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(("split", "count"), [(None, 5), ("test", 1)])
def test_a_dataset_id_with_a_split_and_a_revision(
    tmp_path: Path, site: Site, split: str, count: int
) -> None:
    answer = run_data(tmp_path, site, source="org/set", split=split, revision=SHA)
    assert answer.returncode == 0, answer.stderr
    assert (
        len((tmp_path / "data/processed/rm/rm_pairwise_train.jsonl").read_text().splitlines())
        == count
    )


def test_a_dataset_that_is_not_there_is_one_line(tmp_path: Path, site: Site) -> None:
    answer = run_data(tmp_path, site, source="org/typo")
    assert answer.returncode == 1
    (line,) = answer.stderr.splitlines()
    assert line.startswith("error: data.source: org/typo at revision main could not be had")


PROMPTS = """
import sys
from mlx_reward.data.sources.benchmarks import all_rows, benchmark_rows
from mlx_reward.utils.errors import InputError

for read, source in (
    (benchmark_rows, "org/set"),
    (benchmark_rows, "org/all:validation"),
    (benchmark_rows, "org/one"),
    (all_rows, "org/set"),
    (all_rows, "org/all:validation"),
    (benchmark_rows, "org/no-test"),
):
    try:
        print(*(row["prompt"] for _, row in read(source)))
    except InputError as error:
        print(error)
"""


def test_a_benchmark_is_its_test_split_unless_named(tmp_path: Path, site: Site) -> None:
    publish(site, "org/all", "train", "validation", "test")
    publish(site, "org/one", "train")
    publish(site, "org/no-test", "train", "validation")
    answer = subprocess.run(
        [sys.executable, "-c", PROMPTS],
        env=environment(tmp_path, site),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert answer.stdout.splitlines() == [
        "t",
        "v",
        "q0 q1 q2 q3 q4",
        "q0 q1 q2 q3 q4 t",
        "v",
        "org/no-test has the splits train, validation; name one, as in org/no-test:validation",
    ], answer.stderr
