"""Load beside a fault: clients of the Helen client with its retries, and raw requests without any, each in a thread.

``chaos.py`` starts it, does something to the service, and reads off what was lost.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import urllib3

from bench.window import json_body, made_window
from edge_client.service.http_client import ServiceClient, ServiceError
from edge_client.settings import Cloud
from landmarks.hands import Array, compute_presence

LIMIT_S: Final = 30.0
SLOW_S: Final = 1.0


class Asked(NamedTuple):
    """One request: when it began and ended (``monotonic``), and what came of it; ``ok`` is an answer."""

    began_s: float
    ended_s: float
    outcome: str


@dataclass
class FaultLoad:
    """What was asked so far. Lists only grow, each by the threads of its kind."""

    raw: list[Asked] = field(default_factory=list)
    helen: list[Asked] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def errors(self) -> Counter[str]:
        """What raw requests got in the place of an answer."""
        return Counter(asked.outcome for asked in self.raw if asked.outcome != "ok")

    def lost(self) -> Counter[str]:
        """What requests of the Helen client ended with, where its retries didn't help."""
        return Counter(asked.outcome for asked in self.helen if asked.outcome != "ok")

    def recovery_s(self, since_s: float) -> float:
        """Seconds from ``since_s`` to the end of the last raw request that failed or took longer than a second."""
        troubled = [
            asked.ended_s
            for asked in self.raw
            if asked.ended_s > since_s and (asked.outcome != "ok" or asked.ended_s - asked.began_s > SLOW_S)
        ]
        return max(troubled, default=since_s) - since_s

    def answered_since(self, since_s: float) -> int:
        """Raw requests that began after ``since_s`` and were answered."""
        return sum(asked.began_s > since_s and asked.outcome == "ok" for asked in self.raw)


@contextmanager
def fault_load(url: str, *, clients: int, raw: int, rate: float, retries: int) -> Iterator[FaultLoad]:
    """Let ``clients`` Helen clients and ``raw`` raw ones ask ``rate`` times a second each until the context closes."""
    load = FaultLoad()
    window = made_window(0)
    threads = [
        threading.Thread(target=_helen, args=(url, window, rate, retries, load), daemon=True) for _ in range(clients)
    ]
    threads += [threading.Thread(target=_raw, args=(url, window, rate, load), daemon=True) for _ in range(raw)]
    for thread in threads:
        thread.start()
        time.sleep(1 / rate / len(threads))  # spread over the first period, as they stay
    try:
        yield load
    finally:
        load.stopped.set()
        for thread in threads:
            thread.join(LIMIT_S * 2)


def _helen(url: str, window: Array, rate: float, retries: int, load: FaultLoad) -> None:
    client = ServiceClient(Cloud(url=url, retries=retries))
    mask = compute_presence(window)

    def ask() -> str:
        try:
            client.predict(window, mask)
        except ServiceError as error:
            return f"{error.status or 'no answer'}"
        return "ok"

    _paced(ask, rate, load.helen, load.stopped)
    client.close()


def _raw(url: str, window: Array, rate: float, load: FaultLoad) -> None:
    body = json_body(window)
    pool = urllib3.PoolManager(retries=False, headers={"Content-Type": "application/json"}, timeout=LIMIT_S)

    def ask() -> str:
        try:
            status = pool.request("POST", f"{url}/predict", body=body).status
        except urllib3.exceptions.HTTPError as error:
            return type(error).__name__
        return "ok" if status == 200 else str(status)

    _paced(ask, rate, load.raw, load.stopped)
    pool.clear()


def _paced(ask: Callable[[], str], rate: float, into: list[Asked], stopped: threading.Event) -> None:
    due_s = time.monotonic()
    while not stopped.is_set():
        began_s = time.monotonic()
        outcome = ask()
        into.append(Asked(began_s, time.monotonic(), outcome))
        due_s = max(due_s + 1 / rate, time.monotonic())
        stopped.wait(max(0.0, due_s - time.monotonic()))
