"""Bad, slow and vanishing clients at a server for a long time, and how good ones fare beside them.

`attack_server.py --minutes 60` runs it. Good clients ask all the time; attackers, in a process of
their own, come for four minutes of five. How long a good client may wait is told by the minutes of
peace before and after, so that a machine that is busy elsewhere makes no falls of its own.
"""

import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

import httpx
from served import (
    Client,
    Falls,
    Server,
    bad_request,
    large_request,
    ranking,
    slow_request,
    vanishing_request,
)

CYCLE = 300.0  # seconds: peace, then attackers
PEACE = 0.2  # of a cycle
SLOWER = 5.0  # times the longest wait in peace that a good client may wait beside attackers
UNNOTICED = 1.0  # seconds that are no trouble, however short the waits in peace are
GROWTH = (
    4,
    20,
    150,
)  # threads, open files and MB that the server may grow by after the first cycle
PAUSE = 0.2  # seconds between two requests of a good client, at most
GOOD: tuple[tuple[Callable[[Server, random.Random], Falls], int], ...] = (
    (Server.ask, 8),
    (ranking, 2),
)
ATTACKERS: tuple[tuple[Callable[[Client, random.Random], Falls], int], ...] = (
    (bad_request, 3),
    (slow_request, 8),
    (vanishing_request, 3),
    (large_request, 1),
)


@dataclass
class Tally:
    """What clients saw: requests by kind, what went wrong, and (begin, seconds) of each."""

    requests: Counter[str] = field(default_factory=Counter)
    falls: Falls = field(default_factory=list)
    waits: list[tuple[float, float]] = field(default_factory=list)

    def within(self, begin: float, end: float) -> list[float]:
        """Return the seconds of requests that began then; a fall where there is none."""
        return [seconds for moment, seconds in self.waits if begin <= moment < end]


def long_run(server: Server, seed: int, minutes: float) -> bool:
    """Let all kinds of clients at the server; return whether no good one had trouble."""
    cycles = max(1, round(60 * minutes / CYCLE))
    cycle = 60 * minutes / cycles
    good, ended = Tally(), threading.Event()
    workers = _start(GOOD, server, seed, good, ended.is_set, PAUSE)
    marks = [time.monotonic()]
    levels = []
    bad = Tally()
    for number in range(cycles):
        time.sleep(PEACE * cycle)
        marks.append(time.monotonic())
        found = _attack_for((1 - PEACE) * cycle, server.port, 1000 * seed + number)
        bad.requests += found.requests
        bad.falls += found.falls
        marks.append(time.monotonic())
        levels.append(server.level())
        _print_cycle(marks, good, levels[-1], sum(found.requests.values()))
    time.sleep(PEACE * cycle)
    marks.append(time.monotonic())
    ended.set()
    for worker in workers:
        worker.join()
    falls = good.falls + bad.falls + _slow(marks, good) + _grown(levels)
    counts = sorted((good.requests + bad.requests).items())
    print(", ".join(f"{count} of {kind}" for kind, count in counts) + f"; {len(falls)} fell")
    for fall in falls[:20]:
        print(f"  {fall}")
    return not falls


def _start(
    kinds: tuple[tuple[Callable[..., Falls], int], ...],
    client: Client,
    seed: int,
    tally: Tally,
    ended: Callable[[], bool],
    pause: float,
) -> list[threading.Thread]:
    """Start the clients of all kinds, each of which asks again and again until ``ended``."""

    def work(kind: Callable[..., Falls], number: int) -> None:
        chance = random.Random(f"{seed} {kind.__name__} {number}")
        while not ended():
            begin = time.monotonic()
            try:
                tally.falls += kind(client, chance)
            except httpx.TimeoutException:
                pass  # a wait that long, which may be one as long in peace
            except (OSError, httpx.HTTPError) as error:
                tally.falls.append(f"{kind.__name__}: {error!r}")
            tally.waits.append((begin, time.monotonic() - begin))
            tally.requests[kind.__name__] += 1
            time.sleep(chance.uniform(0, pause))

    workers = [
        threading.Thread(target=work, args=(kind, number))
        for kind, count in kinds
        for number in range(count)
    ]
    for worker in workers:
        worker.start()
    return workers


def _attack_for(seconds: float, port: int, seed: int) -> Tally:
    """Run the attackers in another process, which shares no interpreter with the good clients."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_attackers, seconds, port, seed).result()


def _attackers(seconds: float, port: int, seed: int) -> Tally:
    end = time.monotonic() + seconds
    tally = Tally()
    for worker in _start(ATTACKERS, Client(port), seed, tally, lambda: time.monotonic() > end, 0):
        worker.join()
    return tally


def _print_cycle(
    marks: list[float], good: Tally, level: tuple[int, int, int], attacks: int
) -> None:
    peace, attacked = good.within(*marks[-3:-1]), good.within(*marks[-2:])
    threads, files, memory = level
    print(
        f"{marks[-1] - marks[0]:>5.0f} s: in peace {_waits(peace)}; "
        f"beside {attacks} attacks {_waits(attacked)}; {len(good.falls)} falls; "
        f"{threads} threads, {files} files, {memory} MB",
        flush=True,
    )


def _waits(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return f"{len(seconds)} requests"
    last = statistics.quantiles(seconds, n=100)[-1]
    return (
        f"{len(seconds)} requests, {1000 * statistics.median(seconds):.0f} ms, "
        f"99 % {1000 * last:.0f}, all {1000 * max(seconds):.0f}"
    )


def _slow(marks: list[float], good: Tally) -> Falls:
    """Return the waits that were too long by those in the peace before and after."""
    falls = []
    for start in range(0, len(marks) - 3, 2):
        before, begin, end, after = marks[start : start + 4]
        peace = good.within(before, begin) + good.within(end, after)
        limit = UNNOTICED + SLOWER * max(peace, default=0.0)
        slow = [seconds for seconds in good.within(begin, end) if seconds > limit]
        falls += [f"a good client waited {s:.1f} s, {max(peace):.1f} in peace" for s in slow]
    return falls


def _grown(levels: list[tuple[int, int, int]]) -> Falls:
    """Return by what the server grew between the first cycle and the last."""
    names = ("threads", "open files", "MB")
    return [
        f"{first} {name} became {last}"
        for name, first, last, most in zip(names, levels[0], levels[-1], GROWTH, strict=True)
        if last > first + most
    ]
