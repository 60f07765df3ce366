"""Load the server with requests, check every answer, and compare with scoring the texts offline.

    python benchmarks/server_load.py [SECONDS] [CLIENTS]

runs for 600 seconds with 32 clients on the model in checkpoints/ and prints throughput, times to
answer, and how much memory the server held.
"""

import json
import os
import random
import resource
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlx_reward.inference.reward_model import RewardModel

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "checkpoints" / "rm_model_bt"
MOST_TEXTS = 8  # of a request
TOLERANCE = 1e-3  # of a reward

Text = tuple[str, str]  # prompt and response
Rewards = NDArray[np.float64]


def read_texts() -> list[Text]:
    """Return one response to each prompt of the starter set.

    With one, neither the server nor offline scoring gains by prompts that are shared.
    """
    lines: list[str] = []
    for path in sorted((ROOT / "data" / "starter").glob("*.jsonl")):
        lines += path.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [
        (row["prompt"], row["responses"][i % len(row["responses"])]) for i, row in enumerate(rows)
    ]


def score_offline(texts: list[Text]) -> tuple[Rewards, float]:
    """Return rewards (N,), and the texts scored in a second."""
    model = RewardModel.load(MODEL)
    prompts = [prompt for prompt, _ in texts]
    responses = [response for _, response in texts]
    model.score(prompts[:64], responses[:64])  # what only the first call has to do
    start = time.monotonic()
    rewards = model.score(prompts, responses)
    return rewards, len(texts) / (time.monotonic() - start)


class Client(threading.Thread):
    """Asks for rewards of a few texts at a time until ``until``, and checks the answers."""

    def __init__(
        self, url: str, texts: list[Text], expected: Rewards, until: float, seed: int
    ) -> None:
        super().__init__()
        self.url = url
        self.texts = texts
        self.expected = expected
        self.until = until
        self.rng = random.Random(seed)
        self.seconds: list[float] = []  # of each request
        self.scored = 0  # texts
        self.wrong = 0  # requests with a wrong reward
        self.lost = 0  # requests without an answer

    def run(self) -> None:
        while time.monotonic() < self.until:
            count = self.rng.randint(1, MOST_TEXTS)
            text_ids = [self.rng.randrange(len(self.texts)) for _ in range(count)]
            start = time.monotonic()
            try:
                rewards = self._ask(text_ids)
            except (urllib.error.URLError, OSError, ValueError):
                self.lost += 1
                continue
            self.seconds.append(time.monotonic() - start)
            self.scored += count
            difference = np.abs(rewards - self.expected[text_ids]).max()
            self.wrong += int(difference > TOLERANCE)

    def _ask(self, text_ids: list[int]) -> Rewards:
        body = {
            "prompts": [self.texts[i][0] for i in text_ids],
            "responses": [self.texts[i][1] for i in text_ids],
        }
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return np.array(json.load(answer)["rewards"])


def start_server() -> tuple["subprocess.Popen[bytes]", str]:
    """Return the process and its address, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlx_reward", "serve", "-m", str(MODEL), "--port", str(port)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    while server.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/health")
            return server, url
        except urllib.error.URLError:
            time.sleep(0.2)
    raise SystemExit("the server did not start: mlx-reward serve says why")


def memory_mb(pid: int) -> float:
    """Return the memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def load_server(seconds: int, clients: list[Client], pid: int) -> list[float]:
    """Let the clients run; return the server's memory at twenty moments."""
    for client in clients:
        client.start()
    levels = []
    while any(client.is_alive() for client in clients):
        time.sleep(max(1.0, seconds / 20))
        levels.append(memory_mb(pid))
    return levels


def report(seconds: int, clients: list[Client], offline: float, levels: list[float]) -> None:
    """Print what the clients saw."""
    times: NDArray[Any] = np.concatenate([client.seconds for client in clients])
    scored = sum(client.scored for client in clients)
    wrong = sum(client.wrong for client in clients)
    lost = sum(client.lost for client in clients)
    online = scored / seconds
    median, p99 = np.quantile(times, [0.5, 0.99])
    print(f"{seconds} s, {len(clients)} clients: {len(times)} requests, {scored} texts")
    print(f"wrong {wrong}, lost {lost}")
    print(f"seconds to answer: median {median:.2f}, p99 {p99:.2f}, longest {times.max():.2f}")
    print(f"texts a second: {online:.1f}, offline {offline:.1f}, ratio {online / offline:.2f}")
    print("memory, MB: " + " ".join(f"{level:.0f}" for level in levels))


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 32
    texts = read_texts()
    expected, offline = score_offline(texts)
    server, url = start_server()
    try:
        until = time.monotonic() + seconds
        clients = [Client(f"{url}/score", texts, expected, until, seed=n) for n in range(count)]
        levels = load_server(seconds, clients, server.pid)
    finally:
        server.terminate()
    report(seconds, clients, offline, levels)


if __name__ == "__main__":
    main()
