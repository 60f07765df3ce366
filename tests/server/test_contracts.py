"""Other projects' clients get rewards by the requests that they send, word for word."""

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from mlx_reward.data.chat import Renderer
from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.server.app import Limits, create_app
from mlx_reward.server.serve import LOOPBACK

PROMPT, RESPONSES = "short?", ["yes", "no, and so on"]
GEMMA = "<bos><start_of_turn>user\nshort?<end_of_turn>\n<start_of_turn>model\nyes<end_of_turn>\n"


@pytest.fixture(scope="module")
def model(checkpoints: Path) -> RewardModel:
    return RewardModel.load(checkpoints / "rm_model_bt")


@pytest.fixture(scope="module")
def client(model: RewardModel) -> Iterator[TestClient]:
    app = create_app(model, "rm", None, LOOPBACK, Limits())
    with TestClient(app.asgi, base_url="http://localhost") as client:
        yield client


@pytest.fixture(scope="module")
def rewards(model: RewardModel) -> list[float]:
    return [float(r) for r in model.score([PROMPT] * 2, RESPONSES)]


@pytest.fixture(scope="module")
def shares(model: RewardModel) -> list[float]:
    """The sigmoid of rewards in standard deviations of the training set, worked out here."""
    scores = model.score([PROMPT] * 2, RESPONSES, normalize="zscore")
    return [1 / (1 + math.exp(-float(score))) for score in scores]


def chatml(response: str) -> str:
    return f"<|im_start|>user\n{PROMPT}<|im_end|>\n<|im_start|>assistant\n{response}<|im_end|>\n"


def post(client: TestClient, path: str, body: dict[str, Any]) -> Any:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def near(expected: Any) -> Any:
    return pytest.approx(expected, abs=1e-4)


def test_verl_reads_the_reward_of_vllms_classify(client: TestClient, rewards: list[float]) -> None:
    payload = {"model": "models/rm", "input": chatml("yes"), "use_activation": False}
    output = post(client, "/classify", payload)
    assert output["data"][-1]["probs"][-1] == near(rewards[0])
    assert output["usage"]["prompt_tokens"] > 5


def test_verl_reads_the_reward_of_sglangs_embeddings(
    client: TestClient, rewards: list[float]
) -> None:
    output = post(client, "/v1/embeddings", {"model": "models/rm", "input": chatml("yes")})
    assert output["data"][-1]["embedding"][-1] == near(rewards[0])


def test_vllms_activation_is_a_sigmoid(client: TestClient, shares: list[float]) -> None:
    output = post(client, "/classify", {"input": [chatml(r) for r in RESPONSES]})
    assert [row["probs"][0] for row in output["data"]] == near(shares)


def test_vllms_pooling_takes_texts_and_messages(client: TestClient, rewards: list[float]) -> None:
    texts = post(client, "/pooling", {"model": "rm", "input": [chatml(r) for r in RESPONSES]})
    assert [row["data"] for row in texts["data"]] == [near([r]) for r in rewards]
    messages = [
        {"role": "user", "content": PROMPT},
        {"role": "assistant", "content": RESPONSES[1]},
    ]
    chat = post(client, "/pooling", {"model": "rm", "messages": messages})
    assert chat["data"][0]["data"] == near([rewards[1]])


@pytest.mark.parametrize("path", ["/score", "/v1/score"])
@pytest.mark.parametrize("names", [("text_1", "text_2"), ("queries", "documents")])
def test_vllms_score(
    client: TestClient, rewards: list[float], path: str, names: tuple[str, str]
) -> None:
    body = {"model": "rm", names[0]: PROMPT, names[1]: RESPONSES, "use_activation": False}
    output = post(client, path, body)
    assert [row["score"] for row in output["data"]] == near(rewards)


def test_slime_gets_a_number(client: TestClient, rewards: list[float]) -> None:
    payload = {"prompt": PROMPT, "response": "yes", "label": None}
    assert post(client, "/remote_rm", payload) == near(rewards[0])
    head, tail = chatml("yes").split("yes")
    assert post(client, "/remote_rm", {"prompt": head, "response": "yes" + tail}) == near(
        rewards[0]
    )


def test_text_embeddings_inferences_rerank(
    client: TestClient, rewards: list[float], shares: list[float]
) -> None:
    best = max(range(2), key=lambda i: rewards[i])
    body = {"query": PROMPT, "texts": RESPONSES, "return_text": True}
    ranks = post(client, "/rerank", body)
    assert ranks[0] == {"index": best, "text": RESPONSES[best], "score": near(shares[best])}
    raw = post(client, "/rerank", {"query": PROMPT, "texts": RESPONSES, "raw_scores": True})
    assert raw == [{"index": i, "score": near(rewards[i])} for i in (best, 1 - best)]


def test_rerank_of_documents_is_jinas(client: TestClient) -> None:
    body = {"query": PROMPT, "documents": RESPONSES, "top_n": 1}
    first, second = (post(client, path, body) for path in ("/rerank", "/v1/rerank"))
    assert first["results"] == second["results"]


def test_text_embeddings_inferences_predict(client: TestClient, rewards: list[float]) -> None:
    pair = post(client, "/predict", {"inputs": [PROMPT, "yes"], "raw_scores": True})
    assert pair == [{"score": near(rewards[0]), "label": "LABEL_0"}]
    text = post(client, "/predict", {"inputs": chatml("yes"), "raw_scores": True})
    assert text == pair
    both = [[PROMPT, "yes"], [chatml(RESPONSES[1])]]
    batch = post(client, "/predict", {"inputs": both, "raw_scores": True})
    assert [row[0]["score"] for row in batch] == near(rewards)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/classify", {"input": GEMMA, "use_activation": False}),
        ("/get_reward", {"query": [GEMMA]}),
        ("/v1/score/evaluation", {"messages": [GEMMA]}),
    ],
)
def test_another_models_template_gets_the_reward_of_its_messages(
    client: TestClient, rewards: list[float], path: str, body: dict[str, Any]
) -> None:
    answer = post(client, path, body)
    found = answer.get("rewards") or answer.get("scores") or answer["data"][0]["probs"]
    assert found == near(rewards[:1])


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/classify", {"input": "just a text"}, "input[0] is no rendered conversation"),
        ("/classify", {}, "send input, rendered conversations, or messages"),
        ("/pooling", {"input": [1, 2, 3]}, "input"),
        ("/v1/embeddings", {"input": ["plain"]}, "input[0] is no rendered conversation"),
        ("/v1/score", {"text_1": ["a", "b"], "text_2": ["c"]}, "2 first and 1 second"),
        ("/score", {"text_1": "a"}, "text_2"),
        ("/score", {"prompts": ["a"]}, "send prompts and responses, or messages"),
        ("/predict", {"inputs": ["a", "b", "c"]}, "inputs"),
        ("/remote_rm", {"prompt": "q"}, "response"),
        ("/rerank", {"query": "q", "texts": []}, "texts"),
    ],
)
def test_what_cannot_be_scored_is_one_line(
    client: TestClient, path: str, body: dict[str, Any], reason: str
) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == 422
    assert reason in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


def test_texts_are_encoded_on_the_encoding_thread_alone(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tokenizer is not thread-safe, and a long text encoded elsewhere would hold up everybody."""
    threads: list[str] = []
    render, encode_rendered = Renderer.render, Renderer.encode_rendered

    def noted_render(self: Renderer, *given: Any) -> Any:
        threads.append(threading.current_thread().name)
        return render(self, *given)

    def noted_encode_rendered(self: Renderer, *given: Any) -> Any:
        threads.append(threading.current_thread().name)
        return encode_rendered(self, *given)

    monkeypatch.setattr(Renderer, "render", noted_render)
    monkeypatch.setattr(Renderer, "encode_rendered", noted_encode_rendered)
    messages = [{"role": "user", "content": PROMPT}, {"role": "assistant", "content": "yes"}]
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("/remote_rm", {"prompt": PROMPT, "response": "yes"}),
        ("/remote_rm", {"prompt": chatml("yes").split("yes")[0], "response": "yes"}),
        ("/pooling", {"messages": messages}),
        ("/classify", {"input": chatml("yes")}),
        ("/v1/embeddings", {"input": chatml("yes")}),
        ("/v1/score", {"text_1": PROMPT, "text_2": RESPONSES}),
        ("/predict", {"inputs": [PROMPT, "yes"]}),
        ("/rerank", {"query": PROMPT, "texts": RESPONSES}),
    ]
    for path, body in bodies:
        post(client, path, body)
    assert len(threads) >= len(bodies)
    assert {name.partition("_")[0] for name in threads} == {"encoding"}
