"""Each pair goes to the file of its split, with the cluster it belongs to."""

import json
from pathlib import Path

from mlx_reward.config.split import SplitSettings
from mlx_reward.data.pair import Pair, iterate_pairs, read_pairs
from mlx_reward.data.splitting.deal import deal_pairs
from mlx_reward.data.splitting.plan import plan_splits
from mlx_reward.utils.files import write_jsonl


def dealt(pairs: list[Pair], folder: Path, benchmark: list[str] | None = None) -> list[list[Pair]]:
    """The pairs of train, valid and test."""
    source = folder / "pairs.jsonl"
    write_jsonl(source, (pair.to_row() for pair in pairs))
    settings = SplitSettings(
        valid_size=0.2, test_size=0.2, seed=0, near_duplicates=0.7, exclude=[], group_by="topic"
    )
    targets = [folder / f"{name}.jsonl" for name in ("train", "valid", "test")]
    plan = plan_splits(iterate_pairs(source), benchmark or [], settings, folder)
    counts = deal_pairs(source, targets, plan)
    found = [read_pairs(target) for target in targets]
    assert counts == [len(rows) for rows in found]
    return found


def pair(number: int, prompt: str, group: str | None = None) -> Pair:
    return Pair(prompt=prompt, chosen=f"ü{number}", rejected="no", id=f"p{number}", group=group)


def test_a_cluster_is_the_pairs_that_had_to_share_a_split(tmp_path: Path) -> None:
    """Equal prompts, prompts nearly equal, and prompts of one value of group_by."""
    nearly = "tell me which of the two largest planets has more moons and why that is so"
    pairs = [
        pair(0, nearly),
        pair(1, f"{nearly} please"),
        pair(2, "one", "a"),
        pair(3, "two", "a"),
        pair(4, "three"),
        pair(5, "three"),
        *(pair(n, f"question {n}") for n in range(6, 60)),
    ]
    splits = dealt(pairs, tmp_path)
    clusters = {p.id: p.cluster for rows in splits for p in rows}
    assert [clusters[f"p{n}"] for n in range(7)] == ["p0", "p0", "p2", "p2", "p4", "p4", "p6"]
    sides = [{p.cluster for p in rows} for rows in splits]
    assert not sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2]
    assert {p.id for rows in splits for p in rows} == {p.id for p in pairs}


def test_rows_keep_their_fields_and_excluded_ones_go_nowhere(tmp_path: Path) -> None:
    pairs = [pair(n, f"question {n}") for n in range(60)]
    splits = dealt(pairs, tmp_path, benchmark=["question 3", "question 4"])
    kept = {p.id: p for rows in splits for p in rows}
    assert kept.keys() == {p.id for p in pairs} - {"p3", "p4"}
    assert kept["p7"].chosen == "ü7"
    line = json.loads((tmp_path / "train.jsonl").read_text().splitlines()[0])
    assert list(line) == ["prompt", "chosen", "rejected", "id", "cluster"]


def test_a_pair_without_a_cluster_has_its_prompt() -> None:
    alone = pair(0, "why")
    assert alone.cluster_key == alone.prompt_key == '[["user", "why"]]'
