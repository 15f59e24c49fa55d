"""The deadline of a request."""

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from starlette.requests import Request

from serve_app.errors import DeadlineExceeded, RequestTimeout

BODY_READ: Final = "helen_body_read"  # in a request's scope, once all of its body is here

Answer = TypeVar("Answer")


async def within_deadline(request: Request, answer: Awaitable[Answer], timeout_s: float) -> Answer:
    """Await a route's answer for ``timeout_s`` at most.

    Raises:
        RequestTimeout: the request's body had not all come until then, which is the client's fault.
        DeadlineExceeded: it took longer.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await answer
    except TimeoutError as error:
        if BODY_READ not in request.scope:
            raise RequestTimeout(f"the body was not all there within {timeout_s:g} s") from error
        raise DeadlineExceeded(f"the request was not answered within {timeout_s:g} s") from error
