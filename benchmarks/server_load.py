"""The server under load: every answer checked, memory watched, throughput against scoring the same
texts offline.

python benchmarks/server_load.py [SECONDS] [CLIENTS]      600 seconds and 32 clients, on the model
in checkpoints/
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

import numpy as np

from mlx_reward.inference.reward_model import RewardModel

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "checkpoints" / "rm_model_bt"


def texts() -> list[tuple[str, str]]:
    """A response to each prompt of the starter set, so that neither side gains by prompts that are
    shared.
    """
    rows = [
        json.loads(line)
        for file in sorted((ROOT / "data" / "starter").glob("*.jsonl"))
        for line in file.open()
    ]
    return [
        (row["prompt"], row["responses"][i % len(row["responses"])]) for i, row in enumerate(rows)
    ]


def memory(pid: int) -> float:
    """MB that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


class Client(threading.Thread):
    """Asks for rewards of a few texts at a time, as fast as it is answered, and compares."""

    def __init__(
        self, url: str, pool: list[tuple[str, str]], expected: np.ndarray, until: float, seed: int
    ) -> None:
        super().__init__()
        self.url, self.pool, self.expected, self.until, self.chance = (
            url,
            pool,
            expected,
            until,
            random.Random(seed),
        )
        self.seconds: list[float] = []
        self.scored = self.wrong = self.lost = 0

    def run(self) -> None:
        while time.monotonic() < self.until:
            chosen = [
                self.chance.randrange(len(self.pool)) for _ in range(self.chance.randint(1, 8))
            ]
            body = {
                "prompts": [self.pool[i][0] for i in chosen],
                "responses": [self.pool[i][1] for i in chosen],
            }
            begun = time.monotonic()
            try:
                asked = urllib.request.Request(
                    self.url, json.dumps(body).encode(), {"Content-Type": "application/json"}
                )
                with urllib.request.urlopen(asked, timeout=120) as answer:
                    rewards = np.array(json.load(answer)["rewards"])
            except (urllib.error.URLError, OSError, ValueError):
                self.lost += 1
                continue
            self.seconds.append(time.monotonic() - begun)
            self.scored += len(chosen)
            self.wrong += int(np.abs(rewards - self.expected[chosen]).max() > 1e-3)


def main() -> None:
    seconds, clients = (
        int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((1, 600), (2, 32))
    )
    model, pool = RewardModel.load(MODEL), texts()
    prompts, responses = [p for p, _ in pool], [r for _, r in pool]
    model.score(prompts[:64], responses[:64])  # what only the first call has to do
    begun = time.monotonic()
    expected = model.score(prompts, responses)
    offline = len(pool) / (time.monotonic() - begun)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlx_reward", "serve", "-m", str(MODEL), "--port", str(port)]
    server = subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL
    )
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health")
            break
        except urllib.error.URLError:
            time.sleep(0.2)
    until = time.monotonic() + seconds
    running = [
        Client(f"http://127.0.0.1:{port}/score", pool, expected, until, n) for n in range(clients)
    ]
    for client in running:
        client.start()
    levels = []
    while any(client.is_alive() for client in running):
        time.sleep(max(1.0, seconds / 20))
        levels.append(memory(server.pid))
    server.terminate()
    spent = np.concatenate([client.seconds for client in running])
    online = sum(client.scored for client in running) / seconds
    print(
        f"{seconds} s, {clients} clients: {len(spent)} requests, {sum(c.scored for c in running)} texts"
    )
    print(f"wrong {sum(c.wrong for c in running)}, lost {sum(c.lost for c in running)}")
    print(
        f"seconds to answer: median {np.median(spent):.2f}, p99 {np.quantile(spent, 0.99):.2f}, longest {spent.max():.2f}"
    )
    print(f"texts a second: {online:.1f}, offline {offline:.1f}, ratio {online / offline:.2f}")
    print("memory, MB: " + " ".join(f"{level:.0f}" for level in levels))


if __name__ == "__main__":
    main()
