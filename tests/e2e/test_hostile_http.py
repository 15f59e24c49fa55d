"""HTTP that no sane client speaks, against the real service: refused in words or cut off, and nobody else notices."""

import asyncio
import json
import re
from collections.abc import Sequence
from functools import partial

import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from testkit.load import EXAMPLE
from testkit.service import RunningService
from tests.fuzz.clients import send_over_http
from tests.fuzz.runner import in_portal, run_cases
from tests.fuzz.strategies import KINDS

pytestmark = pytest.mark.e2e

ANSWER_WITHIN_S = 60
ATTEMPTS = 4
BODY = json.dumps(EXAMPLE).encode()
HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
WHOLE = HEAD + LENGTH + b"\r\n" + BODY
SLOWLY = tuple(bytes([byte]) for byte in HEAD + LENGTH + b"\r\n" + BODY[:100])

# What is sent, in parts; the statuses that come back, empty for none.
HOSTILE: dict[str, tuple[Sequence[bytes], list[str]]] = {
    "half a body, then silence": ([HEAD + LENGTH + b"\r\n" + BODY[: len(BODY) // 2]], ["408"]),
    "a byte at a time, then silence": (SLOWLY, ["408"]),
    "half a body for the repository, then silence": (
        [b"POST /v2/repository/index HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n{"],
        ["408"],
    ),
    "a name that somebody had point here": ([WHOLE.replace(b"Host: localhost", b"Host: elsewhere.example")], ["403"]),
    "a page of another site": (
        [WHOLE.replace(b"\r\n\r\n", b"\r\nOrigin: https://elsewhere.example\r\n\r\n", 1)],
        ["403"],
    ),
    "a live session of another site": (
        [
            b"GET /stream HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ],
        ["403"],
    ),
    "a header of 64 KB": ([HEAD + b"X-Large: " + b"x" * 65_536 + b"\r\n\r\n"], ["400"]),
    "5000 headers": ([HEAD + b"".join(b"X-%d: 1\r\n" % index for index in range(5000)) + b"\r\n"], ["400"]),
    "a negative length": ([HEAD + b"Content-Length: -5\r\n\r\n" + BODY], ["400"]),
    "a length beyond 64 bits": ([HEAD + b"Content-Length: 99999999999999999999\r\n\r\n" + BODY], ["400"]),
    "two lengths": ([HEAD + LENGTH + b"Content-Length: 3\r\n\r\n" + BODY], ["400"]),
    "a length that is too large for the service": ([HEAD + b"Content-Length: 1073741824\r\n\r\n{"], ["413"]),
    "a length that is too short": ([HEAD + b"Content-Length: 20\r\n\r\n" + BODY], ["400", "400"]),
    "a chunk of no size": ([HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + BODY], ["400"]),
    "not HTTP": ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)], ["400"]),
    "five requests at once": ([WHOLE * 5], ["200"] * 5),
    "a good request after a bad one": ([HEAD + b"Content-Length: 1\r\n\r\n{" + WHOLE], ["400", "200"]),
    "deep JSON": ([HEAD + b"Content-Length: 200000\r\n\r\n" + b"[" * 200_000], ["400"]),
    "NaN": ([HEAD + b"Content-Length: 20\r\n\r\n" + b'{"sequence":[[NaN]]}'], ["400"]),
}


async def speak(url: str, parts: Sequence[bytes], expected: int) -> list[str]:
    """The statuses that come back, until as many as expected are here or the service hangs up."""
    address = httpx.URL(url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    received = b""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            for part in parts:
                writer.write(part)
                await writer.drain()
                if len(parts) > 1:
                    await asyncio.sleep(0.005)
            while len(parse_statuses(received)) < expected and (more := await reader.read(65_536)):
                received += more
    except ConnectionError:
        pass  # hung up while we were still sending; what came before counts
    finally:
        writer.close()
    return parse_statuses(received)


async def spoken(url: str, parts: Sequence[bytes], expected: list[str]) -> list[str]:
    """As ``speak``, again where HAProxy took up its new list of replicas meanwhile: then it cuts what is half sent."""
    for _ in range(ATTEMPTS):
        if (found := await speak(url, parts, len(expected))) == expected:
            break
    return found


def parse_statuses(received: bytes) -> list[str]:
    """The statuses of the answers in what was received."""
    return [status.decode() for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", received)]


@pytest.mark.anyio
async def test_hostile_connections_are_refused_side_by_side_and_no_replica_is_restarted(
    service: RunningService,
) -> None:
    before = {name: service.replica_pids(name) for name in ("Preprocess", "GestureGRU", "Postprocess")}

    async with asyncio.TaskGroup() as group:
        asked = {
            name: group.create_task(spoken(service.url, parts, expected)) for name, (parts, expected) in HOSTILE.items()
        }
    answers = {name: task.result() for name, task in asked.items()}
    assert answers == {name: expected for name, (_, expected) in HOSTILE.items()}
    assert httpx.post(f"{service.url}/predict", json=EXAMPLE, timeout=30).status_code == 200
    for name, pids in before.items():
        assert set(pids) <= set(service.replica_pids(name)), name


@pytest.mark.anyio
async def test_a_hundred_silent_connections_keep_nobody_from_an_answer(service: RunningService) -> None:
    async def story() -> httpx.Response:
        address = httpx.URL(service.url)
        silent = [await asyncio.open_connection(address.host, address.port) for _ in range(100)]
        try:
            for number, (_, writer) in enumerate(silent):
                writer.write((HEAD + LENGTH + b"\r\n" + BODY)[: number * 7])
            async with httpx.AsyncClient() as client:
                return await client.post(f"{service.url}/predict", json=EXAMPLE, timeout=30)
        finally:
            for _, writer in silent:
                writer.close()

    assert (await story()).status_code == 200


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "/stream"])
def test_hostile_inputs_over_the_wire_get_no_5xx(kind: str, service: RunningService) -> None:
    client = httpx.AsyncClient(base_url=service.url, timeout=60)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(client):
        run_cases(kind, in_portal(portal, partial(send_over_http, client)), 11, 30)
