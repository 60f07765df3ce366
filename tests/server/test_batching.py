"""Texts of concurrent requests share batches, and no request is another's trouble."""

import threading
from concurrent.futures import Future

import numpy as np
import pytest

from mlx_reward.inference.reward_model import EncodedText
from mlx_reward.server.batching import Batcher, Scores, Stopping


class Gate:
    """Scores a text by its key, once it is opened; keeps the texts of each batch."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Event()
        self.batches: list[list[int]] = []
        self.fails_on: int | None = None

    def score(self, texts: list[EncodedText]) -> Scores:
        self.entered.set()
        assert self.open.wait(5)
        keys = [text[0] for text in texts]
        self.batches.append(keys)
        if self.fails_on in keys:
            raise RuntimeError("once")
        return np.array([float(key) for key in keys]), np.zeros(len(keys))


def batcher(gate: Gate, batch_tokens: int = 4096) -> Batcher:
    return Batcher(gate.score, batch_tokens, wait=0.02)


def submit(batcher: Batcher, *keys: int, piece: int = 1000) -> "Future[Scores]":
    texts = [[key] for key in keys]
    ids = list(range(len(keys)))
    return batcher.submit(texts, [ids[n : n + piece] for n in range(0, len(ids), piece)])


def rewards(scores: "Future[Scores]") -> list[float]:
    found: list[float] = scores.result(5)[0].tolist()
    return found


def test_concurrent_requests_share_a_batch_and_get_their_own_answers() -> None:
    gate = Gate()
    scoring = batcher(gate)
    answers = [submit(scoring, n, -n) for n in range(40)]
    gate.open.set()
    for n, answer in enumerate(answers):
        assert rewards(answer) == [n, -n]
    assert len(gate.batches) <= 3
    scoring.close()


def test_a_failure_reaches_only_the_request_that_caused_it() -> None:
    gate = Gate()
    scoring = batcher(gate)
    first = submit(scoring, 0)
    assert gate.entered.wait(5)
    gate.fails_on = 2
    neighbour, culprit, other = submit(scoring, 1), submit(scoring, 2), submit(scoring, 3)
    gate.open.set()
    assert [rewards(scores) for scores in (first, neighbour, other)] == [[0], [1], [3]]
    with pytest.raises(RuntimeError, match="once"):
        culprit.result(5)
    scoring.close()


def test_a_cancelled_request_leaves_its_neighbours_alone_and_is_not_scored() -> None:
    """A client that hung up made the whole batch fail: its future took no result."""
    gate = Gate()
    scoring = batcher(gate)
    first = submit(scoring, 0)
    assert gate.entered.wait(5)
    gone, other = submit(scoring, 1), submit(scoring, 2)
    assert gone.cancel()
    gate.open.set()
    assert (rewards(first), rewards(other)) == ([0], [2])
    assert gate.batches[1:] == [[2]]
    scoring.close()


def test_a_client_that_hangs_up_while_its_texts_are_scored_is_nobodys_trouble() -> None:
    gate = Gate()
    scoring = batcher(gate)
    gone, other = submit(scoring, 1), submit(scoring, 2)
    assert gate.entered.wait(5)
    assert gone.cancel()
    gate.open.set()
    assert rewards(other) == [2]
    scoring.close()


def test_small_requests_have_their_turn_between_the_pieces_of_a_large_one() -> None:
    gate = Gate()
    scoring = batcher(gate, batch_tokens=10)
    large = submit(scoring, *range(100), piece=10)
    assert gate.entered.wait(5)
    small = submit(scoring, -1)
    gate.open.set()
    assert rewards(small) == [-1]
    assert -1 in gate.batches[1] + gate.batches[2]
    assert rewards(large) == list(range(100))
    assert max(map(len, gate.batches)) <= 11
    scoring.close()


def test_what_waits_at_the_end_gets_an_answer_at_once() -> None:
    gate = Gate()
    scoring = batcher(gate, batch_tokens=10)
    running, waiting = submit(scoring, *range(100), piece=10), submit(scoring, 1)
    assert gate.entered.wait(5)
    scoring.close()
    for answer in (running, waiting):
        with pytest.raises(Stopping):
            answer.result(0)
    with pytest.raises(Stopping):
        submit(scoring, 2)
    gate.open.set()
    scoring.join(5)
    assert len(gate.batches) == 1  # the thread ended with its batch


def test_a_batch_that_ends_after_its_request_was_answered_changes_nothing() -> None:
    """A second answer raises in the thread, which pytest takes for a failure."""
    gate = Gate()
    scoring = batcher(gate)
    running = submit(scoring, 1)
    assert gate.entered.wait(5)
    scoring.close()
    gate.open.set()
    scoring.join(5)
    with pytest.raises(Stopping):
        running.result(0)


def test_a_request_without_texts_has_its_answer() -> None:
    scoring = batcher(Gate())
    assert rewards(submit(scoring)) == []
    scoring.close()
