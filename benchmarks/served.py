"""A running `mlx-reward serve` on loopback, and what its clients do: good ones and others."""

import json
import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[1]
JSON = {"Content-Type": "application/json"}
TOLERANCE = 1e-3  # of a reward
TIMEOUT = 300.0  # seconds, after which an answer is reckoned lost
SLOWER = 4.0  # times a full batch that a client may wait beside attackers, and
UNNOTICED = 2.0  # seconds more
GRACE = 10.0  # seconds
HEAD = b"POST /rank HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
GOOD_TEXTS = [(f"question {n}", f"answer {n} " * (n + 1)) for n in range(10)]
FULL_BATCH = {"prompt": "q", "responses": [f"a response of a full batch, {n}" for n in range(400)]}

Falls = list[str]


class Client:
    """Speaks with the server at ``port``."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx.Client(  # a new connection for each request, of which some are cut off
            base_url=self.url,
            verify=False,
            timeout=TIMEOUT,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def score(self, n: int) -> float:
        """Return the reward of one of GOOD_TEXTS."""
        prompt, response = GOOD_TEXTS[n]
        answer = self.post("/score", {"prompts": [prompt], "responses": [response]})
        answer.raise_for_status()
        return float(answer.json()["rewards"][0])

    def post(self, path: str, body: Any) -> httpx.Response:
        """Send ``body``, as JSON unless it is bytes."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.post(path, content=content, headers=JSON)

    def send(self, data: bytes) -> socket.socket:
        """Return a connection on which ``data`` was sent as it is."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT)
        connection.sendall(data)
        return connection

    def waiting(self) -> int:
        return int(self.http.get("/health").json()["waiting"])


class Server(Client):
    """The server process, and the rewards that it gave for GOOD_TEXTS while nobody else asked."""

    def __init__(self, model: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            super().__init__(free.getsockname()[1])
        command = [sys.executable, "-m", "mlx_reward", "serve", "--port", str(self.port)]
        command += ["--model", str(model), "--grace", str(GRACE)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        environment.pop("MLX_REWARD_TOKEN", None)
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        self._await_start()
        self.rewards = [self.score(n) for n in range(len(GOOD_TEXTS))]
        self.patience = self.calm_patience()

    def _await_start(self) -> None:
        while self.process.poll() is None:
            try:
                self.http.get("/health")
                return
            except httpx.TransportError:
                time.sleep(0.2)
        raise SystemExit("the server did not start: mlx-reward serve says why")

    def calm_patience(self) -> float:
        """Return how long a client may wait beside attackers, by what a full batch takes now.

        It waits for the batch that runs and then for its own; a busy machine makes all longer.
        """
        start = time.monotonic()
        self.post("/rank", FULL_BATCH).raise_for_status()
        return UNNOTICED + SLOWER * (time.monotonic() - start)

    def level(self) -> tuple[int, int, int]:
        """Return threads, open files and memory in MB of the process."""
        folder = Path(f"/proc/{self.process.pid}")
        fields = dict(
            line.split(":", 1)
            for line in (folder / "status").read_text().splitlines()
            if ":" in line
        )
        memory = int(fields["VmRSS"].split()[0]) // 1024
        return int(fields["Threads"]), len(os.listdir(folder / "fd")), memory

    def is_well(self, chance: random.Random) -> Falls:
        """Return what is wrong with an answer to a client that did nothing wrong."""
        start = time.monotonic()
        try:
            falls = self.ask(chance)
        except httpx.HTTPError as error:
            falls = [f"bystander: {error!r}"]
        seconds = time.monotonic() - start
        if seconds > self.patience:
            falls.append(f"bystander waited {seconds:.1f} s of at most {self.patience:.1f}")
        return falls

    def ask(self, chance: random.Random) -> Falls:
        """Return what is wrong with an answer, however long it took."""
        n = chance.randrange(len(GOOD_TEXTS))
        difference = abs(self.score(n) - self.rewards[n])
        return [f"bystander: reward off by {difference:.3g}"] if difference > TOLERANCE else []


def refused(answer: httpx.Response, *statuses: int) -> Falls:
    """Return what is wrong with a refusal: one of ``statuses``, or any of 4xx, and one line."""
    right = answer.status_code in statuses if statuses else 400 <= answer.status_code < 500
    try:
        line = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        line = "\n"
    if right and "\n" not in line:
        return []
    return [f"{answer.request.url.path}: {answer.status_code} {answer.text[:80]!r}"]


def request(body: dict[str, Any]) -> bytes:
    """Return the bytes of a request to /rank."""
    content = json.dumps(body).encode()
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(content) + content


def bad_request(client: Client, chance: random.Random) -> Falls:
    """Send a body that no route can use."""
    bad = [b"{", b"[1]", b'{"prompts":["q"],"responses":[""]}', b"[" * 5000, b"\xff\xfe"]
    return refused(client.post("/score", chance.choice(bad)))


def ranking(client: Client, chance: random.Random) -> Falls:
    """Ask for the ranking of some responses."""
    texts = ["a" * chance.randrange(1, 80) for _ in range(chance.randrange(1, 20))]
    answer = client.post("/rank", {"prompt": "question", "responses": texts})
    return [] if answer.status_code == 200 else [f"/rank: {answer.status_code}"]


def slow_request(client: Client, chance: random.Random) -> Falls:
    """Send half a request, wait, and hang up."""
    with client.send(HEAD + b"Content-Length: 1000\r\n\r\n{" if chance.random() < 0.5 else HEAD):
        time.sleep(chance.uniform(0, 5))
    return []


def vanishing_request(client: Client, chance: random.Random) -> Falls:
    """Send texts, and hang up before they are scored."""
    responses = ["word " * chance.randrange(1, 40)] * chance.randrange(1, 60)
    with client.send(request({"prompt": "q", "responses": responses})):
        time.sleep(chance.uniform(0, 0.5))
    return []


def large_request(client: Client, chance: random.Random) -> Falls:
    """Send megabytes of one text."""
    text = "a" * chance.randrange(1_000_000, 8_000_000)
    answer = client.post("/score", {"prompts": ["q"], "responses": [text]})
    time.sleep(1)
    return refused(answer, 413, 422, 503)
