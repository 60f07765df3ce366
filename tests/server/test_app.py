"""The server answers with the model's rewards, and unusable requests with a reason."""

import json
import random
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.server.app import create_app
from mlx_reward.server.batching import Batcher, Busy
from tests import ROOT

JSON = {"Content-Type": "application/json"}
PROMPTS = ["short?", "a longer question, is it?", "short?"]
RESPONSES = ["yes", "no, and so on", "perhaps"]


@pytest.fixture(scope="module")
def model(checkpoints: Path) -> RewardModel:
    return RewardModel.load(checkpoints / "rm_model_bt")


@pytest.fixture(scope="module")
def client(model: RewardModel) -> Iterator[TestClient]:
    with TestClient(
        create_app(model, "rm", None, wait=0.01, max_waiting=100, max_body=20_000)
    ) as client:
        yield client


def ask(client: TestClient, path: str, **body: Any) -> dict[str, Any]:
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_scores_ranks_and_comparisons_are_those_of_the_model(
    client: TestClient, model: RewardModel
) -> None:
    expected = model.score(PROMPTS, RESPONSES)
    assert ask(client, "/score", prompts=PROMPTS, responses=RESPONSES)["rewards"] == pytest.approx(
        expected, abs=1e-4
    )
    scaled = ask(client, "/score", prompts=PROMPTS, responses=RESPONSES, normalize="zscore")[
        "rewards"
    ]
    assert scaled == pytest.approx(model.normalized(expected, "zscore"), abs=1e-4)
    messages = [
        [{"role": "user", "content": p}, {"role": "assistant", "content": r}]
        for p, r in zip(PROMPTS, RESPONSES, strict=True)
    ]
    assert ask(client, "/score", messages=messages)["rewards"] == pytest.approx(expected, abs=1e-4)
    ranking = ask(client, "/rank", prompt="short?", responses=RESPONSES)["ranking"]
    assert [place["index"] for place in ranking] == [
        r.index for r in model.rank("short?", RESPONSES)
    ]
    answer = ask(client, "/compare", prompt="short?", first="yes", second="no")
    assert answer["probability"] == pytest.approx(model.compare("short?", "yes", "no"), abs=1e-4)


@pytest.mark.parametrize("field", ["uncertainty_penalty", "caution"])
def test_an_uncertainty_penalty_lowers_the_rewards_under_either_name(field: str) -> None:
    ensemble = RewardModel.load(ROOT / "tests/fixtures/checkpoint_format_1/rm_model_bt")
    rewards, uncertainties = ensemble.score_with_uncertainty(PROMPTS, RESPONSES)
    expected = rewards - 1.5 * uncertainties
    assert uncertainties.min() > 1e-3
    with TestClient(
        create_app(ensemble, "rm", None, wait=0.0, max_waiting=100, max_body=20_000)
    ) as client:
        scores = ask(client, "/score", prompts=PROMPTS, responses=RESPONSES, **{field: 1.5})
        assert scores["rewards"] == pytest.approx(expected, abs=1e-4)
        ranking = ask(client, "/rank", prompt=PROMPTS[0], responses=["yes"], **{field: 1.5})
        assert ranking["ranking"][0]["reward"] == pytest.approx(expected[0], abs=1e-4)
        refusal = client.post("/rank", json={"prompt": "q", "responses": ["a"], field: -1})
        assert (refusal.status_code, "greater than or equal to 0" in refusal.text) == (422, True)


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_documentation_needs_no_network(client: TestClient, page: str) -> None:
    """FastAPI's own page takes its scripts from a CDN and stays white without one."""
    sources = re.findall(r'(?:src|href)="([^"]+)"', client.get(page).text)
    assert sources
    for source in sources:
        assert source.startswith("/"), source
        assert client.get(source).status_code == 200


def rendered(model: RewardModel, prompt: str, response: str) -> str:
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
    return "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)


@pytest.mark.parametrize("cut", ["", "\n", "<|im_end|>\n"])
def test_openrlhf_and_llama_factory_get_the_same_rewards(
    client: TestClient, model: RewardModel, cut: str
) -> None:
    """A policy's text may end as the template does, with its end token, or with neither."""
    expected = model.score(PROMPTS, RESPONSES)
    texts = [
        rendered(model, p, r).removesuffix(cut) for p, r in zip(PROMPTS, RESPONSES, strict=True)
    ]
    answer = ask(client, "/get_reward", query=texts, prompts=PROMPTS)
    assert answer["rewards"] == pytest.approx(expected, abs=1e-4)
    assert answer["scores"] == pytest.approx(model.normalized(expected, "sigmoid"), abs=1e-4)
    assert ask(client, "/v1/score/evaluation", model="any", messages=texts)[
        "scores"
    ] == pytest.approx(expected, abs=1e-4)


def test_openrlhf_queries_without_a_template(client: TestClient, model: RewardModel) -> None:
    answer = ask(
        client,
        "/get_reward",
        query=[p + r for p, r in zip(PROMPTS, RESPONSES, strict=True)],
        prompts=PROMPTS,
        labels=[1],
    )
    assert answer["rewards"] == pytest.approx(model.score(PROMPTS, RESPONSES), abs=1e-4)


def test_rerankers(client: TestClient, model: RewardModel) -> None:
    answer = ask(
        client,
        "/v1/rerank",
        query="short?",
        documents=[*RESPONSES[:2], {"text": "perhaps"}],
        top_n=2,
        return_documents=True,
    )
    ranked = model.rank("short?", RESPONSES)[:2]
    assert [r["index"] for r in answer["results"]] == [r.index for r in ranked]
    assert [r["document"]["text"] for r in answer["results"]] == [r.response for r in ranked]
    best, second = [r["relevance_score"] for r in answer["results"]]
    assert 0 < second <= best < 1
    assert "document" not in ask(client, "/v1/rerank", query="q", documents=["a"])["results"][0]


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/score", {"prompts": ["q"], "responses": ["a", "b"]}, "1 prompts and 2 responses"),
        ("/score", {"prompts": ["q"]}, "send prompts and responses, or messages"),
        ("/score", {"prompts": ["q"], "responses": [""]}, "response[0]' is empty"),
        ("/score", {"prompts": ["q"], "responses": ["x" * 500]}, "over max_seq_length"),
        ("/score", {"prompts": ["q"], "response": ["x"]}, "response: Extra inputs"),
        ("/score", {"prompts": [3], "responses": ["x"]}, "prompts.0"),
        ("/score", {"prompts": ["q"], "responses": ["\ud800"]}, "surrogate"),
        ("/rank", {"prompt": "q", "responses": []}, "responses"),
        (
            "/get_reward",
            {"query": ["something"], "prompts": ["else"]},
            "does not begin with prompts[0]",
        ),
        ("/v1/score/evaluation", {"messages": [" "]}, "is empty"),
    ],
)
def test_unusable_requests_are_refused_with_a_reason(
    client: TestClient, path: str, body: dict[str, Any], reason: str
) -> None:
    answer = client.post(path, content=json.dumps(body), headers=JSON)
    assert answer.status_code == 422
    assert reason in answer.json()["error"]


def test_a_thousand_malformed_requests_leave_the_server_as_it_was(
    client: TestClient, model: RewardModel
) -> None:
    chance = random.Random(0)
    valid = json.dumps({"prompts": ["q"], "responses": ["a"]})
    expected = model.score(["q"], ["a"])
    for number in range(1000):
        damage = chance.choice(["cut", "bytes", "types", "nesting", "path", "method", "type"])
        path, body = "/score", valid.encode()
        if damage == "cut":
            body = body[: chance.randrange(len(body) - 1)]
        elif damage == "bytes":
            body = bytes(chance.randrange(256) for _ in range(40))
        elif damage == "types":
            wrong = chance.choice(
                [None, 1, "x", {}, [None], [[]], [{"role": 1}], [[{"role": "user"}]]]
            )
            body = json.dumps({"prompts": wrong, "responses": ["a"]}).encode()
        elif damage == "nesting":
            body = b"[" * chance.choice([10, 5000])
        elif damage == "path":
            path = chance.choice(["/scores", "/", "/v1", "/score/%ff"])
        headers = {} if damage == "type" else JSON
        answer = client.request(
            "PUT" if damage == "method" else "POST", path, content=body, headers=headers
        )
        assert 400 <= answer.status_code < 500, (damage, body)
        assert answer.json()["error"], (damage, body)
        if number % 25 == 0:
            assert ask(client, "/score", prompts=["q"], responses=["a"])[
                "rewards"
            ] == pytest.approx(expected, abs=1e-4)


def test_a_large_body_is_refused(client: TestClient) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 1000

    for content in (b" " * 30_000, pieces()):  # with a Content-Length and without
        answer = client.post("/score", content=content, headers=JSON)
        assert (answer.status_code, "over 20000 bytes" in answer.json()["error"]) == (413, True)


def test_a_token_is_required_where_one_is_set(model: RewardModel) -> None:
    with TestClient(
        create_app(model, "rm", "secret", wait=0.0, max_waiting=10, max_body=1000)
    ) as guarded:
        assert guarded.get("/health").json()["status"] == "ok"
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "secret"}):
            assert guarded.get("/metrics", headers=headers).status_code == 401
        assert (
            guarded.get("/metrics", headers={"Authorization": "Bearer secret"}).status_code == 200
        )


def test_metrics_count_requests_by_route(client: TestClient) -> None:
    ask(client, "/compare", prompt="q", first="a", second="b")
    client.get("/nowhere")
    text = client.get("/metrics").text
    assert 'mlx_reward_requests_total{path="/compare",status="200"}' in text
    assert 'mlx_reward_requests_total{path="other",status="404"}' in text
    assert "mlx_reward_waiting_texts 0.0" in text


def test_concurrent_requests_share_a_batch_and_get_their_own_answers() -> None:
    seen: list[int] = []
    gate = threading.Event()

    def score(texts: list[Any]) -> tuple[np.ndarray, np.ndarray]:
        gate.wait(5)
        seen.append(len(texts))
        return np.array([float(text[0]) for text in texts]), np.zeros(len(texts))

    batcher = Batcher(score, batch_tokens=4096, wait=0.05, max_waiting=1000)
    answers = [batcher.submit([[n], [-n]]) for n in range(40)]
    gate.set()
    for n, answer in enumerate(answers):
        assert answer.result(5)[0].tolist() == [n, -n]
    assert len(seen) <= 3
    batcher.close()


def test_a_full_queue_is_busy_and_a_failure_reaches_only_its_batch() -> None:
    gate, broken = threading.Event(), threading.Event()

    def score(texts: list[Any]) -> tuple[np.ndarray, np.ndarray]:
        gate.wait(5)
        if broken.is_set():
            raise RuntimeError("once")
        return np.zeros(len(texts)), np.zeros(len(texts))

    batcher = Batcher(score, batch_tokens=4096, wait=0.0, max_waiting=3)
    first = batcher.submit([[1]] * 3)
    with pytest.raises(Busy, match="3 texts are waiting"):
        batcher.submit([[1]])
    broken.set()
    gate.set()
    with pytest.raises(RuntimeError, match="once"):
        first.result(5)
    broken.clear()
    assert batcher.submit([[1]]).result(5)[0].tolist() == [0.0]
    waiting = batcher.submit([[1]])
    batcher.close()  # answers what it took
    assert waiting.done()
    assert batcher.waiting == 0
