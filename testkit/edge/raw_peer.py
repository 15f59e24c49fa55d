"""Peers of the tests that say what the test wants, whatever was asked: in bytes, or in a WebSocket session."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

ACCEPT_WITHIN_S = 30


@dataclass
class RawPeer:
    """Where it listens, and what each connection asked first."""

    url: str
    heard: list[bytes] = field(default_factory=list)


@contextmanager
def raw_peer(response: bytes, then: bytes = b"", pauses_s: float = 0.01) -> Iterator[RawPeer]:
    """Answer every connection with ``response``; ``then`` is repeated every ``pauses_s`` until the other side goes."""
    stopped = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(ACCEPT_WITHIN_S)
            heard = b""
            while b"\r\n\r\n" not in heard and (part := connection.recv(65536)):
                heard += part
            peer.heard.append(heard)
            connection.sendall(response)
            while then and not stopped.wait(pauses_s):
                connection.sendall(then)

    def accept() -> None:
        while not stopped.is_set():
            with contextlib.suppress(OSError):
                connection, _ = listening.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        peer = RawPeer(f"http://127.0.0.1:{listening.getsockname()[1]}")
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield peer
        finally:
            stopped.set()
            thread.join(ACCEPT_WITHIN_S)


@contextmanager
def session_server(
    talk: Callable[[ServerConnection], None],
    certificate: ssl.SSLContext | None = None,
    answer: Callable[[ServerConnection, Request], Response | None] | None = None,
) -> Iterator[str]:
    """Hand every WebSocket session to ``talk``; gives the URL to ask."""
    with serve(talk, "127.0.0.1", 0, ssl=certificate, process_request=answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http{'s' if certificate else ''}://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join(ACCEPT_WITHIN_S)
