"""Hostile inputs against the service, counted: ``python -m bench.fuzz``, or with ``--served`` a real one over HTTP.

In this process it is all of the service's own code and the bundled model, without Ray and sockets between the stages,
and a numpy warning counts as a failure too. A failure is a 5xx that isn't a foreseen one (501, 503), an answer that is
not the contract's, or an exception that leaves the app.
"""

import argparse
import asyncio
import json
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote, unquote

import h11
import httpx
from starlette.types import ASGIApp, Message

from bench import ROOT
from bench.chaos import repository
from bench.hostile import Hostile, hostile_input
from bench.memory import memory_of
from bench.processes import leave_in_order
from bench.table import markdown
from testkit.service import RunningService, running_service
from testkit.stages.local_stages import LocalStages, local_app
from testkit.websocket_client import accepted_socket

Outcomes = Counter[tuple[str, str]]
Ask = Callable[[Hostile], Awaitable[str]]

FORESEEN: Final = (501, 503)
REPORT_EVERY_S: Final = 5.0
WAIT_S: Final = 20.0


class Failure(Exception):
    """The service did to an input what it may never do."""


async def ask_app(app: ASGIApp, hostile: Hostile) -> str:
    """Put one input to the app in this process; its status, or how the session ended.

    Raises:
        Failure: as the module says.
    """
    try:
        async with asyncio.timeout(WAIT_S):
            return await (session(app, hostile) if hostile.messages else request(app, hostile))
    except Failure:
        raise
    except Exception as error:
        raise Failure(f"{type(error).__name__}: {error}") from error


async def request(app: ASGIApp, hostile: Hostile) -> str:
    """One request, its body in two chunks."""
    raw_path, _, query = hostile.path.partition("?")
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in hostile.headers]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "http",
        "method": hostile.method,
        "path": unquote(raw_path),
        "raw_path": quote(raw_path, safe="/%").encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "state": {},
    }
    half = len(hostile.body) // 2
    chunks = [hostile.body[half:], hostile.body[:half]]
    answer: list[Message] = []

    async def receive() -> Message:
        if chunks:
            return {"type": "http.request", "body": chunks.pop(), "more_body": bool(chunks)}
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        answer.append(message)

    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in answer[1:])
    return checked(answer[0]["status"], body, hostile)


def checked(status: int, body: bytes, hostile: Hostile) -> str:
    """A status that may be given, with the error body that the contract wants.

    Raises:
        Failure: it may not.
    """
    if status >= 500 and status not in FORESEEN:
        raise Failure(f"{status}: {body[:300]!r}")
    if status >= 400 and hostile.method != "HEAD":
        said = json.loads(body)
        if set(said) != {"error", "code", "request_id"} and hostile.path not in ("/health",):
            raise Failure(f"{status} without the contract's error body: {body[:300]!r}")
    return str(status)


async def session(app: ASGIApp, hostile: Hostile) -> str:
    """One live session; it ends when the service closes it or has answered what came last."""
    async with accepted_socket(app) as socket:
        for message in hostile.messages:
            socket.send(message)
        events = [await socket.event()]
    while not socket.from_app.empty():
        events.append(socket.from_app.get_nowait())
    if any('"code":"internal"' in event.get("text", "") for event in events):
        raise Failure(f"a session was told of a fault of the service: {events}")
    closed = [f"closed {event['code']}" for event in events if event["type"] == "websocket.close"]
    return closed[0] if closed else "left by the client"


async def fuzz(ask: Ask, seed: int, numbers: range, progress: Callable[[int], None]) -> tuple[Outcomes, list[str]]:
    """Put inputs to the service one after the other; what came of each kind, and a line for each failure."""
    outcomes: Outcomes = Counter()
    failures: list[str] = []
    for done, number in enumerate(numbers):
        hostile = hostile_input(seed, number)
        try:
            outcome = await ask(hostile)
        except Failure as failure:
            outcome = "FAILED"
            failures.append(f"--seed {seed}, input {number}, {hostile.kind}: {failure}")
        outcomes[hostile.kind, outcome] += 1
        progress(done + 1)
    return outcomes, failures


def over_http(client: httpx.AsyncClient) -> Ask:
    """Ask a service that runs; live sessions are left to the run in this process."""

    async def ask(hostile: Hostile) -> str:
        headers = [(name.encode(), value.encode("latin-1")) for name, value in hostile.headers]
        path = quote(hostile.path, safe="/%?")
        try:
            answer = await client.request(hostile.method, path, headers=headers, content=hostile.body)
        except (h11.LocalProtocolError, httpx.LocalProtocolError, httpx.InvalidURL):
            return "not sendable"
        except httpx.TransportError as error:
            if any(name.lower() == "content-length" for name, _ in hostile.headers):
                return "connection ended"  # its length is a lie: there is nothing else to do
            raise Failure(repr(error)) from error
        if answer.headers.get("content-type") != "application/json" and answer.status_code in (400, 403, 408):
            return f"{answer.status_code} (HAProxy)"
        return checked(answer.status_code, answer.content, hostile)

    return ask


def report(outcomes: Outcomes) -> str:
    """Counts by kind and outcome, as a table."""
    kinds = list(dict.fromkeys(kind for kind, _ in sorted(outcomes)))
    columns = sorted({outcome for _, outcome in outcomes})
    rows = [[kind, *(str(outcomes[kind, outcome]) for outcome in columns)] for kind in kinds]
    total = [str(sum(outcomes[kind, outcome] for kind in kinds)) for outcome in columns]
    return markdown(["input", *columns], [*rows, ["all", *total]])


def progress_of(total: int) -> Callable[[int], None]:
    """A line every few seconds: how many are done, and how long the rest will take."""
    started = said = time.monotonic()

    def progress(done: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said > REPORT_EVERY_S or done == total:
            said = now
            left = (now - started) / done * (total - done)
            print(f"[{done:>7}/{total}] {done / (now - started):.0f}/s, about {left / 60:.1f} min left", flush=True)

    return progress


def resident_mib() -> float:
    """This process's resident memory."""
    return memory_of(os.getpid())


async def attack(ask: Ask, options: argparse.Namespace, memory_mib: Callable[[], float]) -> int:
    """Put all inputs to the service and print what came of them; 1 when anything failed."""
    progress = progress_of(options.inputs)
    warm = options.inputs // 10
    outcomes, failures = await fuzz(ask, options.seed, range(warm), progress)
    before = memory_mib()
    more, later = await fuzz(ask, options.seed, range(warm, options.inputs), lambda done: progress(done + warm))
    for failure in (failures + later)[:20]:
        print(failure, file=sys.stderr)
    print(f"\n{report(outcomes + more)}\n")
    print(f"resident memory: {before:.0f} MiB after a tenth of the inputs, {memory_mib():.0f} MiB after all")
    return 1 if failures or later else 0


async def in_process(options: argparse.Namespace) -> int:
    """The service's code in this process."""
    warnings.simplefilter("error")
    async with local_app(LocalStages(ROOT / "models")) as app:

        async def ask(hostile: Hostile) -> str:
            return await ask_app(app, hostile)

        return await attack(ask, options, resident_mib)


async def against(service: RunningService, options: argparse.Namespace) -> int:
    """A service that runs; 1 as well when a replica was restarted."""

    def replicas() -> set[int]:
        return set(service.pids("ray::ServeReplica"))

    before = replicas()
    async with httpx.AsyncClient(base_url=service.url, timeout=30) as client:
        failed = await attack(over_http(client), options, lambda: sum(map(memory_of, replicas())))
    print(f"replicas: {len(before)}, of which {len(before - replicas())} were replaced")
    return failed or int(bool(before - replicas()))


def main(options: argparse.Namespace) -> int:
    """Run; 1 when anything failed."""
    leave_in_order()
    if not options.served:
        return asyncio.run(in_process(options))
    with repository() as models, running_service(models, {}) as service:
        return asyncio.run(against(service, options))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--inputs", type=int, default=100_000, help="how many (default 100000)")
    parser.add_argument("--seed", type=int, default=0, help="of the inputs (default 0)")
    parser.add_argument("--served", action="store_true", help="a real service, started for it, over HTTP")
    sys.exit(main(parser.parse_args()))
