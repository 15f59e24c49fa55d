"""A WebSocket to the address in the settings or to none."""

from typing import Any

from websockets.exceptions import InvalidStatus
from websockets.http11 import Response
from websockets.sync.client import ClientConnection


class HandshakeRejected(Exception):
    """The service answered the opening of a session with an HTTP status of its own."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"HTTP {response.status_code}")
        self.response = response


class DirectConnection(ClientConnection):
    """Follows no redirect: websockets does, API key in hand, where the handshake raises its own ``InvalidStatus``."""

    def handshake(self, *headers: Any, **limits: Any) -> None:
        try:
            super().handshake(*headers, **limits)
        except InvalidStatus as refused:
            raise HandshakeRejected(refused.response) from refused
