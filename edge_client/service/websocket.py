"""A WebSocket to the address in the settings or to none."""

from websockets.datastructures import HeadersLike
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response
from websockets.sync.client import ClientConnection


class SessionRefused(Exception):
    """The service answered the opening of a session with an HTTP status of its own."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"HTTP {response.status_code}")
        self.response = response


class DirectConnection(ClientConnection):
    """Follows no redirect: websockets does, with the API key in its hands, where it raises its own ``InvalidStatus``."""

    def handshake(
        self,
        additional_headers: HeadersLike | None = None,
        user_agent_header: str | None = None,
        timeout: float | None = None,
    ) -> None:
        try:
            super().handshake(additional_headers, user_agent_header, timeout)
        except InvalidStatus as refused:
            raise SessionRefused(refused.response) from refused
