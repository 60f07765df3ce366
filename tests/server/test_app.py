"""The server answers with the model's rewards, and unusable requests with a reason."""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel, ValidationError

from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.server.app import Limits, create_app
from mlx_reward.server.contracts.llama_factory import LlamaFactoryRequest
from mlx_reward.server.contracts.openrlhf import OpenRLHFRequest
from mlx_reward.server.contracts.own import ScoreRequest
from mlx_reward.server.contracts.rerank import RerankRequest
from mlx_reward.server.errors import MEANINGS
from mlx_reward.server.serve import LOOPBACK
from tests import ROOT

JSON = {"Content-Type": "application/json"}
PROMPTS = ["short?", "a longer question, is it?", "short?"]
RESPONSES = ["yes", "no, and so on", "perhaps"]


@pytest.fixture(scope="module")
def model(checkpoints: Path) -> RewardModel:
    return RewardModel.load(checkpoints / "rm_model_bt")


@pytest.fixture(scope="module")
def client(model: RewardModel) -> Iterator[TestClient]:
    with serving(model, max_waiting=100, max_body=20_000) as client:
        yield client


def serving(model: RewardModel, token: str | None = None, **limits: Any) -> TestClient:
    app = create_app(model, "rm", token, LOOPBACK, Limits(**limits))
    return TestClient(app.asgi, base_url="http://localhost")


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
        r["corpus_id"] for r in model.rank("short?", RESPONSES)
    ]
    answer = ask(client, "/compare", prompt="short?", first="yes", second="no")
    assert answer["probability"] == pytest.approx(model.compare("short?", "yes", "no"), abs=1e-4)


@pytest.mark.parametrize("field", ["uncertainty_penalty", "caution"])
def test_an_uncertainty_penalty_lowers_the_rewards_under_either_name(field: str) -> None:
    ensemble = RewardModel.load(ROOT / "tests/fixtures/checkpoint_format_1/rm_model_bt")
    rewards, uncertainties = ensemble.score_with_uncertainty(PROMPTS, RESPONSES)
    expected = rewards - 1.5 * uncertainties
    assert uncertainties.min() > 1e-3
    with serving(ensemble) as client:
        scores = ask(client, "/score", prompts=PROMPTS, responses=RESPONSES, **{field: 1.5})
        assert scores["rewards"] == pytest.approx(expected, abs=1e-4)
        ranking = ask(client, "/rank", prompt=PROMPTS[0], responses=["yes"], **{field: 1.5})
        assert ranking["ranking"][0]["reward"] == pytest.approx(expected[0], abs=1e-4)
        for path, body in (
            ("/rank", {"prompt": "q", "responses": ["a"]}),
            ("/score", {"prompts": ["q"], "responses": ["a"]}),
        ):
            for penalty in (-1, 1e308, float("nan"), float("inf"), 10**400):
                content = json.dumps(body | {field: penalty})
                refusal = client.post(path, content=content, headers=JSON)
                assert (refusal.status_code, field in refusal.text) == (422, True), penalty


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_documentation_needs_no_network(client: TestClient, page: str) -> None:
    """FastAPI's own page takes its scripts from a CDN and stays white without one."""
    sources = re.findall(r'(?:src|href)="([^"]+)"', client.get(page).text)
    assert sources
    for source in sources:
        assert source.startswith("/"), source
        assert client.get(source).status_code == 200


def test_every_route_documents_what_it_may_answer(client: TestClient) -> None:
    documented = client.get("/openapi.json").json()
    for path, methods in documented["paths"].items():
        for operation in methods.values():
            statuses = {"200", *map(str, MEANINGS)}
            assert statuses <= set(operation["responses"]), path
            schema = operation["responses"]["422"]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Error"}, path


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
    ranked = model.rank("short?", RESPONSES, top_k=2, return_documents=True)
    assert [r["index"] for r in answer["results"]] == [r["corpus_id"] for r in ranked]
    assert [r["document"]["text"] for r in answer["results"]] == [r["text"] for r in ranked]
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
        ("/rerank", {"query": "q"}, "documents: Field required"),
        ("/score", {"prompts": [3], "responses": ["x"]}, "prompts.0"),
        ("/score", {"prompts": ["q"], "responses": ["\ud800"]}, "surrogate"),
        ("/score", {"messages": [[{"role": "user", "content": "\ud800"}]]}, "surrogate"),
        ("/score", {"\ud800": 1}, "unicode"),
        ("/rank", {"prompt": "\ud800", "responses": ["a"]}, "surrogate"),
        ("/compare", {"prompt": "q", "first": "a", "second": "\ud800"}, "surrogate"),
        ("/get_reward", {"query": ["<|im_start|>\ud800"]}, "surrogate"),
        ("/get_reward", {"query": ["qa"], "prompts": ["\ud800"]}, "surrogate"),
        ("/v1/score/evaluation", {"messages": ["\ud800"]}, "surrogate"),
        ("/v1/score/evaluation", {"messages": ["x"], "model": "\ud800"}, "surrogate"),
        ("/v1/rerank", {"query": "\ud800", "documents": ["a"]}, "surrogate"),
        ("/v1/rerank", {"query": "q", "documents": ["a"], "model": "\ud800"}, "surrogate"),
        ("/v1/rerank", {"query": "q", "documents": [{"text": "\ud800"}]}, "surrogate"),
        ("/rank", {"prompt": "q", "responses": []}, "responses"),
        (
            "/get_reward",
            {"query": ["something"], "prompts": ["else"]},
            "does not begin with its prompt",
        ),
        ("/v1/score/evaluation", {"messages": [" "]}, "is no rendered conversation"),
    ],
)
def test_unusable_requests_are_refused_with_a_reason(
    client: TestClient, path: str, body: dict[str, Any], reason: str
) -> None:
    answer = client.post(path, content=json.dumps(body), headers=JSON)
    assert answer.status_code == 422
    assert reason in answer.json()["error"]
    assert "<own>" not in answer.json()["error"]


def test_malformed_requests_leave_the_server_as_it_was(
    client: TestClient, model: RewardModel
) -> None:
    chance = random.Random(0)
    valid = json.dumps({"prompts": ["q"], "responses": ["a"]})
    expected = model.score(["q"], ["a"])
    for number in range(300):
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
    with serving(model, token="secret") as guarded:
        assert guarded.get("/health").json()["status"] == "ok"
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "secret"}):
            assert guarded.get("/metrics", headers=headers).status_code == 401
        right = {"Authorization": "Bearer secret"}
        assert guarded.get("/metrics", headers=right).status_code == 200
        elsewhere = right | {"Host": "rewards.example"}  # a token makes it known
        assert guarded.get("/metrics", headers=elsewhere).status_code == 200


def test_without_a_token_only_this_machines_names_are_served(client: TestClient) -> None:
    assert client.get("/health", headers={"Host": "evil.example"}).status_code == 421
    assert client.get("/health", headers={"Host": "127.0.0.1:8713"}).status_code == 200


def test_metrics_count_requests_by_route(client: TestClient) -> None:
    ask(client, "/compare", prompt="q", first="a", second="b")
    client.get("/nowhere")
    text = client.get("/metrics").text
    assert 'mlx_reward_requests_total{path="/compare",status="200"}' in text
    assert 'mlx_reward_requests_total{path="other",status="404"}' in text
    client.post("/compare", content=b" " * 30_000, headers=JSON)
    refused = 'mlx_reward_requests_total{path="other",status="413"}'  # no route saw it
    assert refused in client.get("/metrics").text
    assert "mlx_reward_waiting_texts 0.0" in text


@pytest.mark.parametrize(
    ("contract", "body"),
    [
        (ScoreRequest, {"prompts": [1] * 1000, "responses": []}),
        (ScoreRequest, {f"field {n}": 1 for n in range(1000)}),
        (ScoreRequest, {"messages": [[{f"field {n}": 1 for n in range(1000)}] * 1000] * 1000}),
        (RerankRequest, {"query": "q", "documents": [1] * 1000}),
        (OpenRLHFRequest, {"query": [1] * 1000}),
        (LlamaFactoryRequest, {"messages": [1] * 1000}),
    ],
    ids=["texts", "fields", "fields of messages", "documents", "queries", "rendered"],
)
def test_a_thousand_errors_are_not_all_listed(
    contract: type[BaseModel], body: dict[str, Any]
) -> None:
    """Two million numbers for texts took 37 seconds and 4 GB, and nobody else had an answer."""
    with pytest.raises(ValidationError) as error:
        contract.model_validate(body)
    assert error.value.error_count() <= 20


def test_a_request_of_more_texts_than_may_wait_is_refused_unread(client: TestClient) -> None:
    responses = ["\ue000"] * 101
    answer = client.post("/rank", json={"prompt": "q", "responses": responses})
    assert answer.status_code == 413
    assert answer.json()["error"] == "101 texts in a request, of 100 that may wait"
    assert client.get("/health").json()["waiting"] == 0


def test_a_model_without_a_finite_reward_is_an_error_on_every_route(checkpoints: Path) -> None:
    """It answered 200 with null."""
    broken = RewardModel.load(checkpoints / "rm_model_bt")
    head = broken.ensemble.engines[0].network.head
    head.weight = head.weight * 1e38
    mx.eval(head.weight)  # on this thread
    with serving(broken) as client:
        for path, body in (
            ("/score", {"prompts": ["q"], "responses": ["a"]}),
            ("/rank", {"prompt": "q", "responses": ["a"]}),
            ("/compare", {"prompt": "q", "first": "a", "second": "b"}),
            ("/get_reward", {"query": ["<|im_start|>"]}),
            ("/v1/score/evaluation", {"messages": ["<|im_start|>"]}),
            ("/classify", {"input": "<|im_start|>"}),
            ("/v1/embeddings", {"input": "<|im_start|>"}),
            ("/remote_rm", {"prompt": "q", "response": "a"}),
            ("/v1/rerank", {"query": "q", "documents": ["a"]}),
        ):
            answer = client.post(path, json=body)
            assert (answer.status_code, "no finite reward" in answer.text) == (500, True), path


def test_a_request_of_many_batches_gets_the_rewards_of_one_call(
    client: TestClient, model: RewardModel
) -> None:
    """It is scored in pieces, between which others have their turn."""
    responses = [f"{n} " * (n % 40 + 1) for n in range(100)]
    texts = [model.encode("short?", response) for response in responses]
    assert len(model.batches(texts)) > 1
    expected = model.score(["short?"] * len(responses), responses)
    ranking = ask(client, "/rank", prompt="short?", responses=responses)["ranking"]
    found = {place["index"]: place["reward"] for place in ranking}
    assert [found[i] for i in range(len(responses))] == pytest.approx(expected, abs=1e-4)
