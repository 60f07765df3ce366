"""`mlx-reward serve` as a process: concurrent clients, and a stop that answers them first."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from mlx_reward.inference.reward_model import RewardModel
from tests import ROOT

GRACE = 3.0  # seconds


def start(
    checkpoints: Path, *options: str, **environment: str
) -> "tuple[subprocess.Popen[str], str]":
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlx_reward", "serve", "--port", str(port)]
    command += ["-m", str(checkpoints / "rm_model_bt"), *options]
    variables = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    process = subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, text=True)
    return process, f"http://127.0.0.1:{port}"


@pytest.fixture
def running(checkpoints: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    process, url = start(checkpoints, "--grace", str(GRACE))
    for _ in range(300):
        try:
            httpx.get(f"{url}/health")
            break
        except httpx.ConnectError:
            assert process.poll() is None
            time.sleep(0.1)
    yield process, url
    process.kill()
    process.communicate()


def test_many_clients_get_their_own_answers_and_a_stop_answers_them_first(
    running: "tuple[subprocess.Popen[str], str]", checkpoints: Path
) -> None:
    process, url = running
    model = RewardModel.load(checkpoints / "rm_model_bt")
    texts = [f"answer number {n}" + " and more" * (n % 7) for n in range(60)]
    expected = model.score(["q"] * len(texts), texts)

    def ask(n: int) -> float:
        body = {"prompts": ["q"], "responses": [texts[n]]}
        answer = httpx.post(f"{url}/score", json=body, timeout=60)
        return float(answer.json()["rewards"][0])

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(len(texts)))) == pytest.approx(expected, abs=1e-3)
        accepted = [pool.submit(ask, n) for n in range(16)]
        while not httpx.get(f"{url}/health").json()["waiting"] and not accepted[0].done():
            time.sleep(0.001)
        process.send_signal(signal.SIGTERM)
        answered = 0
        for n, answer in enumerate(accepted):
            try:
                assert answer.result() == pytest.approx(expected[n], abs=1e-3)
                answered += 1
            except (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError):
                continue  # it came after the stop
    assert answered > 0
    assert process.wait(30) in (0, -signal.SIGTERM)


def half_sent(url: str, text: bytes) -> socket.socket:
    """Return a connection whose request stops in the middle."""
    port = int(url.rpartition(":")[2])
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(text)
    return connection


def test_a_stop_takes_no_longer_than_its_grace(
    running: "tuple[subprocess.Popen[str], str]",
) -> None:
    """With 20,000 texts queued only SIGKILL ended it; half-sent bodies held it for a minute."""
    process, url = running
    head = b"POST /rank HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    idle = [half_sent(url, head[:20]) for _ in range(20)]
    idle += [half_sent(url, head + b"Content-Length: 1000\r\n\r\n{") for _ in range(20)]
    body = {"prompt": "q", "responses": ["and so on " * 15] * 4000}

    def ask() -> int:
        return httpx.post(f"{url}/rank", json=body, timeout=60).status_code

    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(ask) for _ in range(3)]  # the third is over what may wait
        while httpx.get(f"{url}/health").json()["waiting"] < 8000:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        start = time.monotonic()
        process.wait(30)
        assert time.monotonic() - start < GRACE + 1
        statuses = [answer.result() for answer in asked]
    assert set(statuses) <= {200, 503}
    assert 503 in statuses
    answers = [connection.recv(100) for connection in idle[20:]]
    assert {answer[:12] for answer in answers} == {b"HTTP/1.1 503"}
    for connection in idle:
        connection.close()


def test_an_address_open_to_others_needs_a_token(checkpoints: Path) -> None:
    process, _ = start(checkpoints, "--host", "0.0.0.0", MLX_REWARD_TOKEN="")
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "error: --host 0.0.0.0 is open to others; set MLX_REWARD_TOKEN" in stderr
