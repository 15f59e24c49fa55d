"""Puts one fuzz case to the service, in this process or over HTTP, and judges what comes back.

A failure is a 5xx that isn't a foreseen one (501, 503), a response that is not the contract's, or an exception that
leaves the app.
"""

import asyncio
import json
from urllib.parse import quote, unquote

import h11
import httpx
from starlette.types import ASGIApp, Message

from testkit.websocket_client import accepted_socket
from tests.fuzz.strategies import FuzzCase

FORESEEN = (501, 503)
TIMEOUT_S = 20.0


class Failure(Exception):
    """The service did to an input what it may never do."""


async def send_to_app(app: ASGIApp, case: FuzzCase) -> str:
    """Put a case to the app in this process; its status, or how the session ended.

    Raises:
        Failure: as the module says.
    """
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await (run_session(app, case) if case.messages else send_request(app, case))
    except Failure:
        raise
    except Exception as error:
        raise Failure(f"{type(error).__name__}: {error}") from error


async def send_request(app: ASGIApp, case: FuzzCase) -> str:
    """One request, its body in two chunks."""
    raw_path, _, query = case.path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "http",
        "method": case.method,
        "path": unquote(raw_path),
        "raw_path": quote(raw_path, safe="/%").encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in case.headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "state": {},
    }
    half = len(case.body) // 2
    chunks = [case.body[half:], case.body[:half]]
    messages: list[Message] = []

    async def receive() -> Message:
        if chunks:
            return {"type": "http.request", "body": chunks.pop(), "more_body": bool(chunks)}
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in messages[1:])
    return check_response(messages[0]["status"], body, case)


def check_response(status: int, body: bytes, case: FuzzCase) -> str:
    """A status that may be given, with the error body that the contract wants.

    Raises:
        Failure: it may not.
    """
    if status >= 500 and status not in FORESEEN:
        raise Failure(f"{status}: {body[:300]!r}")
    if status >= 400 and case.method != "HEAD" and case.path != "/health":
        error = json.loads(body)
        if set(error) != {"error", "code", "request_id"}:
            raise Failure(f"{status} without the contract's error body: {body[:300]!r}")
    return str(status)


async def run_session(app: ASGIApp, case: FuzzCase) -> str:
    """One live session; it ends when the service closes it or has answered what came last."""
    async with accepted_socket(app) as socket:
        for message in case.messages:
            socket.send(message)
        events = [await socket.event()]
    while not socket.from_app.empty():
        events.append(socket.from_app.get_nowait())
    if any('"code":"internal"' in event.get("text", "") for event in events):
        raise Failure(f"a session was told of a fault of the service: {events}")
    closed = [f"closed {event['code']}" for event in events if event["type"] == "websocket.close"]
    return closed[0] if closed else "left by the client"


async def send_over_http(client: httpx.AsyncClient, case: FuzzCase) -> str:
    """Put a case to a service that runs; the messages of a live session are left out.

    Raises:
        Failure: as the module says, or the connection ended.
    """
    headers = [(name.encode(), value.encode("latin-1")) for name, value in case.headers]
    path = quote(case.path, safe="/%?")
    try:
        response = await client.request(case.method, path, headers=headers, content=case.body)
    except (h11.LocalProtocolError, httpx.LocalProtocolError, httpx.InvalidURL):
        return "not sendable"
    except httpx.TransportError as error:
        if any(name.lower() == "content-length" for name, _ in case.headers):
            return "connection ended"  # its length is a lie: there is nothing else to do
        raise Failure(repr(error)) from error
    if response.headers.get("content-type") != "application/json" and response.status_code in (400, 403, 408):
        return f"{response.status_code} (HAProxy)"
    return check_response(response.status_code, response.content, case)
