"""Attack `mlx-reward serve`: hostile, damaged, slow and vanishing clients, and a stop under load.

    python benchmarks/attack_server.py [--model DIR] [--seed N] [--minutes M]

starts a server on loopback, tries each attack and prints a table: tried, held, fell. It takes a few
minutes. With --minutes it lets good, bad, slow and vanishing clients at the server for that long
instead, and prints waits, wrong rewards, threads, open files and memory along the way. The exit
status is 1 where anything fell.
"""

import argparse
import json
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from served import (
    GRACE,
    HEAD,
    ROOT,
    TIMEOUT,
    Falls,
    Server,
    bad_request,
    ranking,
    refused,
    request,
)
from server_hour import long_run

MEGABYTES = 600  # that the server may grow by
OK = {"prompts": ["q"], "responses": ["a"]}


def damaged_bodies(server: Server, chance: random.Random) -> tuple[int, Falls]:
    """Requests whose bytes were cut, changed or replaced; some remain valid."""
    falls: Falls = []
    valid = json.dumps(OK).encode()
    for _ in range(300):
        body = bytearray(valid)
        for _ in range(chance.randint(1, 4)):
            where = chance.randrange(len(body))
            body[where : where + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        answer = server.post("/score", bytes(body))
        if answer.status_code != 200:
            falls += refused(answer)
    return 300, falls + server.is_well(chance)


def odd_values(server: Server, chance: random.Random) -> tuple[int, Falls]:
    """Values of wrong type, size or spelling in every field."""
    half = "\ud800"
    odd = [float("nan"), float("inf"), 1e308, -1, 10**400, half, [half], {half: half}, {}, [[]]]
    odd += [None, True, [None], [1] * 1_000_000, {str(n): n for n in range(300_000)}, "x" * 10**6]
    requests: dict[str, dict[str, Any]] = {
        "/score": OK | {"uncertainty_penalty": 0, "normalize": "zscore", "messages": None},
        "/rank": {"prompt": "q", "responses": ["a"], "caution": 0},
        "/compare": {"prompt": "q", "first": "a", "second": "b"},
        "/get_reward": {"query": ["qa"], "prompts": ["q"]},
        "/v1/score/evaluation": {"messages": ["x"], "model": "m", "max_length": 1},
        "/v1/rerank": {"query": "q", "documents": ["a"], "top_n": 1, "model": "m"},
        "/rerank": {"query": "q", "texts": ["a"], "raw_scores": True},
        "/classify": {"input": "x", "use_activation": False},
        "/pooling": {"messages": [{"role": "user", "content": "q"}]},
        "/v1/score": {"text_1": "q", "text_2": ["a"]},
        "/v1/embeddings": {"input": ["x"]},
        "/remote_rm": {"prompt": "q", "response": "a", "label": None},
        "/predict": {"inputs": [["q", "a"]], "raw_scores": True},
    }
    tried, falls = 0, []
    for path, body in requests.items():
        for field in body:
            for value in odd:
                answer = server.post(path, body | {field: value})
                tried += 1
                if answer.status_code != 200:
                    falls += refused(answer)
                elif "[null" in answer.text or "NaN" in answer.text:  # a list holds rewards
                    falls.append(f"{path}, {field}: {answer.text[:80]!r}")
    return tried, falls + server.is_well(chance)


def broken_http(server: Server, chance: random.Random) -> tuple[int, Falls]:
    """What is not HTTP, or contradicts itself."""
    heads = [
        b"\x16\x03\x01\x02\x00\x01\x00" + b"\x00" * 100 + b"\r\n\r\n",
        b"POST /score HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: -5\r\n\r\n",
        HEAD + b"Content-Length: 99999999999999999999\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
        HEAD + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
        HEAD + b"Content-Length: 0\r\nContent-Encoding: gzip\r\n\r\n",
        b"GET http://evil.example/metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        HEAD.replace(b"POST", b"GET") + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ]
    falls: Falls = []
    for head in heads:
        try:
            with server.send(head) as connection:
                answer = connection.recv(12)
        except OSError:
            continue  # closed without a word, which is an answer too
        if answer and not answer.startswith(b"HTTP/1.1 4"):
            falls.append(f"{head[:60]!r}: {answer!r}")
    return len(heads), falls + server.is_well(chance)


def other_hosts(server: Server, chance: random.Random) -> tuple[int, Falls]:
    """A web page whose name points to this machine."""
    falls: Falls = []
    names = ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "[::1].evil"]
    for name in names:
        answer = server.http.get("/health", headers={"Host": name})
        falls += refused(answer, 400, 421)
    return len(names), falls + server.is_well(chance)


def long_texts(server: Server, chance: random.Random) -> tuple[int, Falls]:
    """Megabytes of one text, three times each, while another client asks."""
    turn = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    bodies: list[tuple[str, Any]] = [
        ("/score", OK | {"responses": ["a" * 8_000_000]}),
        ("/score", OK | {"prompts": ["word " * 1_500_000]}),
        ("/score", OK | {"prompts": ["<|im_end|>" * 700_000]}),
        ("/score", OK | {"prompts": ["\U0001f600" * 600_000]}),
        ("/rank", {"prompt": "a" * 4_000_000, "responses": [f"r {n}" for n in range(20)]}),
        ("/score", {"messages": [turn * 60_000]}),
        ("/v1/score/evaluation", {"messages": ["<|im_start|>" * 600_000]}),
    ]
    falls: Falls = []
    for path, body in bodies * 3:
        with ThreadPoolExecutor(1) as pool:
            large = pool.submit(server.post, path, body)
            time.sleep(0.3)
            falls += server.is_well(chance)
            answer = large.result()
        if answer.status_code != 200:
            falls += refused(answer, 413, 422)
    return 3 * len(bodies), falls


def many_texts(server: Server, chance: random.Random) -> tuple[int, Falls]:
    """More texts than may wait: of one client, and of several together."""
    falls = refused(server.post("/rank", {"prompt": "q", "responses": ["a"] * 20_000}), 413)
    connections = [server.send(request({"prompt": "q", "responses": ["b"] * 6000}))]
    deadline = time.monotonic() + TIMEOUT
    while server.waiting() < 6000 and time.monotonic() < deadline:
        time.sleep(0.02)
    falls += refused(server.post("/rank", {"prompt": "q", "responses": ["a"] * 6000}), 503)
    falls += server.is_well(chance)
    return 2, falls + _vanish(server, connections)


def slow_clients(server: Server, chance: random.Random) -> tuple[int, Falls]:
    """Connections that stop in the middle of a head or a body."""
    connections = [
        server.send(HEAD + b"Content-Length: 1000\r\n\r\n{" if n % 2 else HEAD[:20])
        for n in range(120)
    ]
    return 120, server.is_well(chance) + _vanish(server, connections)


def vanishing_clients(server: Server, chance: random.Random) -> tuple[int, Falls]:
    """Clients that hang up while their texts wait; their neighbours in the batch get answers."""
    falls: Falls = []
    for _ in range(10):
        gone = [server.send(request({"prompt": "q", "responses": ["a" * 50] * 20}))]
        with ThreadPoolExecutor(4) as pool:
            beside = [pool.submit(server.is_well, random.Random(chance.random())) for _ in range(4)]
            gone += [server.send(request({"prompt": "q", "responses": ["c"]})) for _ in range(14)]
            falls += _vanish(server, gone)
            falls += [fall for answer in beside for fall in answer.result()]
    return 150, falls


def mixed_requests(server: Server, chance: random.Random) -> tuple[int, Falls]:
    """Good and bad requests over 50 connections at once."""
    kinds = [_ask] * 6 + [bad_request] * 2 + [ranking] * 2
    work = [(chance.choice(kinds), random.Random(chance.random())) for _ in range(600)]
    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(lambda item: item[0](server, item[1]), work))
    return 600, [fall for falls in found for fall in falls]


def _ask(server: Server, chance: random.Random) -> Falls:
    try:
        return server.ask(chance)
    except httpx.HTTPError as error:
        return [f"bystander: {error!r}"]


def stop_under_load(server: Server, chance: random.Random) -> tuple[int, Falls]:
    """SIGTERM with a full queue, 60 half-sent bodies and clients that wait for an answer."""
    half = [server.send(HEAD + b"Content-Length: 1000\r\n\r\n{") for _ in range(60)]
    body = {"prompt": "Tell me about the sea.", "responses": ["It is large and blue. " * 6] * 4900}
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(server.post, "/rank", body) for _ in range(2)]
        deadline = time.monotonic() + TIMEOUT
        while server.waiting() < 9800 and time.monotonic() < deadline:
            time.sleep(0.05)
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        try:
            server.process.wait(GRACE + 60)
        except subprocess.TimeoutExpired:
            server.process.kill()
        seconds = time.monotonic() - start
        falls = [f"gone after {seconds:.1f} s, not {GRACE:.0f}"] if seconds > GRACE + 1 else []
        for answer in asked:
            falls += _answered_or_refused(answer.result)
    for connection in half:
        connection.close()
    return 62, falls


def _answered_or_refused(result: Callable[[], httpx.Response]) -> Falls:
    try:
        status = result().status_code
    except httpx.HTTPError as error:
        return [f"a client that was accepted got {error!r}"]
    return [] if status in (200, 503) else [f"a client that was accepted got {status}"]


def _vanish(server: Server, connections: list[socket.socket]) -> Falls:
    """Close the connections, half of them with a reset; their texts must not go on waiting."""
    for n, connection in enumerate(connections):
        if n % 2:
            linger = b"\1\0\0\0\0\0\0\0"
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.close()
    deadline = time.monotonic() + server.patience
    while server.waiting() > 10:  # other clients may be there
        if time.monotonic() > deadline:
            return [f"{server.waiting()} texts of clients that hung up still wait"]
        time.sleep(0.05)
    return []


ATTACKS = [
    damaged_bodies,
    odd_values,
    broken_http,
    other_hosts,
    long_texts,
    many_texts,
    slow_clients,
    vanishing_clients,
    mixed_requests,
]


def campaign(server: Server, seed: int) -> bool:
    """Try each attack and print a table; return whether all held."""
    server.is_well(random.Random(seed))
    threads, _, memory = server.level()
    held = True
    for attack in ATTACKS:
        server.patience = server.calm_patience()
        start = time.monotonic()
        tried, falls = attack(server, random.Random(f"{seed} {attack.__name__}"))
        held &= _report(attack.__name__, tried, falls, start)
    time.sleep(5)  # after which memory is given back
    threads_after, _, memory_after = server.level()
    falls = []
    if threads_after > threads + 4 or memory_after > memory + MEGABYTES:
        falls = [f"{threads} threads, {memory} MB became {threads_after}, {memory_after} MB"]
    held &= _report("threads_and_memory", 1, falls, time.monotonic())
    print(
        f"  {threads} threads and {memory} MB at first, {threads_after} and {memory_after} MB now"
    )
    start = time.monotonic()
    tried, falls = stop_under_load(server, random.Random(seed))
    return _report("stop_under_load", tried, falls, start) and held


def _report(name: str, tried: int, falls: Falls, start: float) -> bool:
    seconds = time.monotonic() - start
    fell = min(len(falls), tried)
    print(f"{name:<22}{tried:>6} tried {tried - fell:>6} held {fell:>4} fell {seconds:>7.0f} s")
    for fall in falls[:5]:
        print(f"  {fall}", flush=True)
    return not falls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=ROOT / "checkpoints" / "rm_model_bt")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=0, help="of the long run")
    options = parser.parse_args()
    server = Server(options.model)
    try:
        if options.minutes:
            held = long_run(server, options.seed, options.minutes)
        else:
            held = campaign(server, options.seed)
    finally:
        server.process.kill()
    raise SystemExit(0 if held else 1)


if __name__ == "__main__":
    main()
