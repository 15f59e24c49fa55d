"""Load beside a fault: clients of the Helen client with its retries, and raw requests without any, each in a thread."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import urllib3

from edge_client.service.http_client import ServiceClient
from edge_client.service.replies import ServiceError
from edge_client.service.request_encoding import encode_json
from edge_client.settings import Cloud
from landmarks.hands import Array, compute_presence
from testkit.model_files import made_window

TIMEOUT_S = 30.0
SLOW_S = 1.0


class Attempt(NamedTuple):
    """One request: when it began and ended (``monotonic``), and its outcome: ``ok`` or what came instead."""

    began_s: float
    ended_s: float
    outcome: str


@dataclass
class BackgroundLoad:
    """The requests so far. Lists only grow, each by the threads of its kind."""

    raw: list[Attempt] = field(default_factory=list)
    helen: list[Attempt] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def errors(self) -> Counter[str]:
        """What raw requests got instead of a prediction."""
        return count_failures(self.raw)

    def failed(self) -> Counter[str]:
        """What requests of the Helen client ended with, where its retries didn't help."""
        return count_failures(self.helen)

    def recovery_s(self, since_s: float) -> float:
        """Seconds from ``since_s`` to the end of the last raw request that failed or took longer than a second."""
        troubled = [
            attempt.ended_s
            for attempt in self.raw
            if attempt.ended_s > since_s and (attempt.outcome != "ok" or attempt.ended_s - attempt.began_s > SLOW_S)
        ]
        return max(troubled, default=since_s) - since_s


def count_failures(attempts: list[Attempt]) -> Counter[str]:
    """The outcomes that are not ``ok``, by how often each came."""
    return Counter(attempt.outcome for attempt in attempts if attempt.outcome != "ok")


@contextmanager
def background_load(url: str, *, clients: int, raw: int, rate: float, retries: int) -> Iterator[BackgroundLoad]:
    """Let ``clients`` Helen clients and ``raw`` raw ones send ``rate`` requests a second each until the block ends."""
    load, window = BackgroundLoad(), made_window(30)
    threads = [
        threading.Thread(target=send_as_helen, args=(url, window, rate, retries, load), daemon=True)
        for _ in range(clients)
    ]
    threads += [threading.Thread(target=send_raw, args=(url, window, rate, load), daemon=True) for _ in range(raw)]
    for thread in threads:
        thread.start()
        time.sleep(1 / rate / len(threads))  # spread over the first period, as they stay
    try:
        yield load
    finally:
        load.stopped.set()
        for thread in threads:
            thread.join(TIMEOUT_S * 2)


def send_as_helen(url: str, window: Array, rate: float, retries: int, load: BackgroundLoad) -> None:
    client = ServiceClient(Cloud(url=url, retries=retries))
    mask = compute_presence(window)

    def send() -> str:
        try:
            client.predict(window, mask)
        except ServiceError as error:
            return f"{error.status or 'no answer'}"
        return "ok"

    repeat(send, rate, load.helen, load.stopped)
    client.close()


def send_raw(url: str, window: Array, rate: float, load: BackgroundLoad) -> None:
    request = encode_json(window, compute_presence(window))
    pool = urllib3.PoolManager(retries=False, headers=request.headers, timeout=TIMEOUT_S)

    def send() -> str:
        try:
            status = pool.request("POST", url + request.path, body=request.body).status
        except urllib3.exceptions.HTTPError as error:
            return type(error).__name__
        return "ok" if status == 200 else str(status)

    repeat(send, rate, load.raw, load.stopped)
    pool.clear()


def repeat(send: Callable[[], str], rate: float, attempts: list[Attempt], stopped: threading.Event) -> None:
    """Send ``rate`` times a second, later where an answer takes longer, until ``stopped``."""
    due_s = time.monotonic()
    while not stopped.is_set():
        began_s = time.monotonic()
        outcome = send()
        attempts.append(Attempt(began_s, time.monotonic(), outcome))
        due_s = max(due_s + 1 / rate, time.monotonic())
        stopped.wait(max(0.0, due_s - time.monotonic()))
