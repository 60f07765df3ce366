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
    "train.jsonl": [{"prompt": f"q{n}", "chosen": "a", "rejected": "b"} for n in range(5)],
    "test.jsonl": [{"prompt": "t", "chosen": "c", "rejected": "d"}],
}


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as found:
        files = {
            name: "".join(json.dumps(row) + "\n" for row in rows).encode()
            for name, rows in ROWS.items()
        }
        siblings = [{"rfilename": name} for name in files]
        about = json.dumps({"id": "org/set", "sha": SHA, "siblings": siblings, "tags": []}).encode()
        tree = [
            {"type": "file", "path": name, "size": len(data), "oid": "b" * 40}
            for name, data in files.items()
        ]
        found.pages = {
            f"/datasets/org/set/resolve/{SHA}/{name}": data for name, data in files.items()
        }
        found.pages |= {
            "/api/datasets/org/set": about,
            f"/api/datasets/org/set/revision/{SHA}": about,
        }
        found.pages |= {f"/api/datasets/org/set/tree/{SHA}": json.dumps(tree).encode()}
        found.headers = {"X-Repo-Commit": SHA, "Content-Type": "application/json"}
        yield found


def run_data(folder: Path, site: Site, **changes: str) -> subprocess.CompletedProcess[str]:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["data"] |= changes
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "HF_ENDPOINT": site.url,
        "HF_HOME": str(folder / "hub"),
    }
    command = [sys.executable, "-m", "stages.data"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
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
