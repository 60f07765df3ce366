"""No leaks: what belongs together shares a split, by a search of its own through the pairs."""

import itertools
import os
import random
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from mlx_reward.config.data import DataSettings
from mlx_reward.config.split import SplitSettings
from mlx_reward.data.formats.convert import convert
from mlx_reward.data.ingest import ingest
from mlx_reward.data.pair import Message, Pair
from mlx_reward.data.ratings import Ratings
from mlx_reward.data.sources.source import open_source
from mlx_reward.data.splitting.plan import EXCLUDED, plan_splits
from mlx_reward.data.splitting.prompts import Prompts
from mlx_reward.utils.errors import InputError

DATA = Path(os.environ.get("PREFERENCE_DATA", "../shared/data"))


def settings(**changes: object) -> SplitSettings:
    given = {
        "group_by": None,
        "near_duplicates": 0.7,
        "exclude": [],
        "valid_size": 0.25,
        "test_size": 0.25,
        "seed": 0,
    }
    return SplitSettings.model_validate(given | changes)


def make(
    prompts: list[str | list[Message]], groups: Sequence[str | list[str]] | None = None
) -> list[Pair]:
    return [
        Pair(prompt=p, chosen="a", rejected="b", id=str(n), group=groups[n] if groups else None)
        for n, p in enumerate(prompts)
    ]


def talk(*turns: str) -> list[Message]:
    return [{"role": ("user", "assistant")[n % 2], "content": turn} for n, turn in enumerate(turns)]


FILLER: list[str | list[Message]] = [
    f"an unrelated question number {n} on subject {n * 7}" for n in range(40)
]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is the capital of France?", "  what is THE capital of france "),
        ("Same", [{"role": "user", "content": "Same"}]),
        (
            "Same",
            [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "same!"}],
        ),
        ("ｆｕｌｌ width text", "full width text"),
        (talk("Hi there"), talk("Hi there", "Hello", "And now?")),
        (talk("a b", "c d", "e f"), talk("A b", "c d.", "e f", "g h", "i j")),
        (
            "Please write a short story about a dragon who is afraid of heights and learns to fly",
            "Please write a short story about a dragon who is afraid of water and learns to fly",
        ),
    ],
)
def test_what_leaks_shares_a_split_with_every_seed(tmp_path: Path, one: str, other: str) -> None:
    for seed in range(10):
        splits = plan_splits(make([*FILLER, one, other]), [], settings(seed=seed), tmp_path).splits
        assert splits[-1] == splits[-2]


def test_what_does_not_leak_is_not_joined(tmp_path: Path) -> None:
    prompts = [
        *FILLER,
        talk("Hi", "Hello", "How do I bake bread?"),
        talk("Hi", "Hello", "Who was Ada Lovelace?"),
        "2+2",
        "2+3",
    ]
    assert plan_splits(make(prompts), [], settings(), tmp_path).metrics["groups"] == len(prompts)


def test_the_values_of_group_by_are_not_shared(tmp_path: Path) -> None:
    groups = [f"g{n % 10}" for n in range(40)]
    splits = plan_splits(make(FILLER, groups), [], settings(), tmp_path).splits
    assert all(len({splits[n] for n in range(40) if groups[n] == g}) == 1 for g in set(groups))


def test_a_prompt_of_several_groups_joins_them(tmp_path: Path) -> None:
    groups: list[str | list[str]] = [f"g{n % 20}" for n in range(40)]
    groups[0] = ["g0", "g1"]
    for seed in range(10):
        found = plan_splits(make(FILLER, groups), [], settings(seed=seed), tmp_path)
        assert len({found.splits[n] for n in (0, 1, 20, 21)}) == 1
        assert found.metrics["groups"] == 19


def test_prompts_of_a_benchmark_are_left_out_but_not_their_whole_group(tmp_path: Path) -> None:
    groups = [f"g{n % 10}" for n in range(40)]
    found = plan_splits(
        make(FILLER, groups), [str(FILLER[3]).upper(), "something else"], settings(), tmp_path
    )
    assert [n for n, split in enumerate(found.splits) if split == EXCLUDED] == [3]
    assert found.metrics["pairs_excluded"] == 1
    with pytest.raises(InputError, match="all 40 pairs have prompts that occur in these files"):
        plan_splits(make(FILLER), FILLER, settings(), tmp_path)


def test_the_same_seed_gives_the_same_split_and_another_another(tmp_path: Path) -> None:
    splits = [
        plan_splits(make(FILLER), [], settings(seed=s), tmp_path).splits.tolist() for s in (0, 0, 1)
    ]
    assert splits[0] == splits[1] != splits[2]


def test_a_template_that_joins_all_prompts_is_told_with_its_remedy(tmp_path: Path) -> None:
    template = " ".join(f"word{n}" for n in range(150))
    prompts = [f"{template} {n}" for n in range(100)]
    with pytest.raises(
        InputError,
        match=r"that group begins in line 1 of rm_pairwise_train.jsonl and has 100 prompts, "
        r"joined by near duplicates.*; raise split.near_duplicates",
    ):
        plan_splits(make(prompts), [], settings(), tmp_path)


def test_a_large_value_of_group_by_is_told_by_its_line(tmp_path: Path) -> None:
    """Line 4 is the first of its group; line 1 is left out, but counts."""
    groups = ["a", "b", "c", *["big"] * 37]
    with pytest.raises(
        InputError, match=r"begins in line 4 .* 37 prompts with the same value"
    ) as caught:
        plan_splits(make(FILLER, groups), FILLER[:1], settings(), tmp_path)
    assert "near_duplicates" not in str(caught.value)


def test_no_pairs_and_too_few_groups_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are no pairs to split"):
        plan_splits([], [], settings(), tmp_path)
    with pytest.raises(InputError, match="too few"):
        plan_splits(make(["a", "a", "a"]), [], settings(), tmp_path)


def test_ten_thousand_turns_are_not_slow_and_find_their_beginning(tmp_path: Path) -> None:
    prompts = Prompts(tmp_path, None)
    long = talk(*(f"turn {n}" for n in range(10_001)))
    prompts.add(long[:5001])
    prompts.add(long)
    assert prompts.links().tolist() == [[0, 1]]


def plain(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def whole(pair: Pair) -> str:
    return (
        pair.prompt
        if isinstance(pair.prompt, str)
        else " ".join(m["content"] for m in pair.prompt if m["role"] != "system")
    )


@pytest.mark.parametrize("name", ["hh_helpful_test", "hh_harmless_test_raw", "ultrafeedback_1200"])
def test_no_leak_in_real_data_with_planted_duplicates(tmp_path: Path, name: str) -> None:
    """The search finds none after the split, and many after a random split of the same pairs."""
    path = DATA / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path} is not here; PREFERENCE_DATA names the folder with real data")
    found = planted(read(path, tmp_path)[:600])
    splits = plan_splits(found, [], settings(), tmp_path).splits.tolist()
    assert splits.count(2) > 50
    assert leaks(found, splits) == []
    assert len(leaks(found, random.Random(0).sample(splits, len(splits)))) > 10


def leaks(found: list[Pair], splits: list[int]) -> list[tuple[str, list[str]]]:
    """Return prompts of test with those of train that are nearly the same or begin or go on alike.

    A brute-force search that shares no code with the splitter.
    """
    test = [whole(pair) for pair, split in zip(found, splits, strict=True) if split == 2]
    train = [plain(whole(pair)) for pair, split in zip(found, splits, strict=True) if split == 0]
    different = [(set(other), other) for other in train]
    leaking = []
    for text in test:
        words = plain(text)
        if len(words) < 5:
            continue
        for seen, other in different:
            similar = len(seen & set(words)) > 0.9 * len(seen | set(words))
            if similar and (bigrams(words, other) >= 0.85 or starts(other, words)):
                leaking.append((text, other))
    return leaking


def read(path: Path, folder: Path) -> list[Pair]:
    source = open_source(
        DataSettings(
            source=str(path),
            format="auto",
            config=None,
            split=None,
            revision=None,
            max_bad_fraction=1,
        )
    )
    with Ratings(folder) as ratings:
        return [
            item
            for _, item in ingest(source.rows, convert, None, ratings)
            if isinstance(item, Pair)
        ]


def planted(found: list[Pair]) -> list[Pair]:
    """Every tenth prompt again in other spelling, and with a word in the middle changed."""
    rng, more = random.Random(0), []
    for pair in found[::10]:
        text = pair.prompt if isinstance(pair.prompt, str) else pair.prompt[-1]["content"]
        before = [] if isinstance(pair.prompt, str) else pair.prompt[:-1]
        words = text.split()
        changed = " ".join([*words[: len(words) // 2], "indeed", *words[len(words) // 2 + 1 :]])
        for new in [text.upper() + " !", f"  {text}\n"] + [changed] * (len(words) > 20):
            more.append(
                Pair(
                    prompt=[*before, {"role": "user", "content": new}],
                    chosen="a",
                    rejected="b",
                    id="planted",
                )
            )
    rng.shuffle(more)
    return found + more


def bigrams(one: list[str], other: list[str]) -> float:
    a, b = set(itertools.pairwise(one)), set(itertools.pairwise(other))
    return len(a & b) / max(len(a | b), 1)


def starts(one: list[str], other: list[str]) -> bool:
    """Whether the shorter is how the longer begins, both being long enough to tell."""
    short, long = sorted((one, other), key=len)
    return len(short) > 30 and long[: len(short)] == short
