"""``WS /stream``: a live session sends a frame a message, the service keeps the window.

The contract is docs/stream-protocol.md.

Raw ASGI: a frame costs so little that a layer more would be most of it. What a message means and when a prediction is
due is ``session.py``'s; this is the socket, its clock, and one prediction in flight a session.
"""

import asyncio
import contextlib
import logging
import time
from typing import Final

import msgspec
from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope, Send

from landmarks.protocol.metadata import WindowSpec
from landmarks.protocol.stream import (
    CLOSE_REASONS,
    IDLE,
    INTERNAL_ERROR,
    SERVICE_RESTART,
    SUBPROTOCOL,
    UNSUPPORTED_DATA,
    ErrorMessage,
    ReadyMessage,
    encode_prediction,
)
from landmarks.protocol.tensors import PRESENCE, SEQUENCE
from serve_app.api.app_state import AppState, get_state, get_vocabulary
from serve_app.api.auth.middleware import get_key_name
from serve_app.api.json_responses import elapsed_ms, error_response, get_request_id
from serve_app.api.stream.messages import SessionClosed, parse_open_message
from serve_app.api.stream.session import FrameRate, PendingWindow, RejectedMessage, StreamSession
from serve_app.errors import DeadlineExceeded, InvalidInput, Overloaded, RequestError
from serve_app.schemas import BatchItem
from serve_app.vocabularies.served import ServedGestures

logger = logging.getLogger(__name__)

IDLE_GRAIN: Final = 0.1  # of the idle limit: moving its timer with every frame would cost more than reading the frame
CLOSE_WITHIN_S: Final = 5.0  # a client that reads nothing must not keep its session
MAX_REASON_BYTES: Final = 123  # RFC 6455: a control frame has 125 bytes, two of them the code


class Stream:
    """A live session over a WebSocket: a frame a message, and the service keeps the window.

    The ASGI app behind the route: it admits a session, or rejects it in HTTP before the upgrade.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        state = get_state(connection)
        try:
            if len(state.sessions) >= state.arguments.max_sessions:
                raise Overloaded(f"{len(state.sessions)} sessions are live already, the limit; try again in a second")
            served = state.get_gestures(get_vocabulary(connection))
        except RequestError as rejection:
            await error_response(rejection, connection)(scope, receive, send)
            return
        session = LiveSession(state, served, connection, receive, send)
        state.sessions.add(session)
        try:
            await receive()  # websocket.connect
            chosen = SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None
            await send({"type": "websocket.accept", "subprotocol": chosen})
            await session.run()
        finally:
            state.sessions.discard(session)


class LiveSession:
    """One accepted WebSocket. ``run`` returns once it is closed, by either side."""

    def __init__(
        self, state: AppState, served: ServedGestures, connection: HTTPConnection, receive: Receive, send: Send
    ) -> None:
        self._state = state
        self._model = state.gesture
        self._arguments = state.arguments
        self._served = served
        self._status = state.gesture.status
        self._metrics = state.metrics
        self._key = get_key_name(connection.scope)
        self._request_id = get_request_id(connection)
        self._receive = receive
        self._send = send
        self._session: StreamSession | None = None
        self._predicting: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Read messages and answer them until the session is over; the reason, when it is our doing, is sent first."""
        idle_s = self._arguments.session_idle_s
        try:
            async with asyncio.timeout((1 + IDLE_GRAIN) * idle_s) as idle:
                await self._read(idle)
        except SessionClosed as over:
            await self._close(over)
        except TimeoutError:
            await self._close(SessionClosed(IDLE, f"no message came for {idle_s:g} s, the limit"))
        except OSError:
            pass  # the client has gone in the middle of a message of ours
        except Exception as error:
            self._log_failure(error)
            await self._close(
                SessionClosed(INTERNAL_ERROR, "the service failed on this session; its log has the details")
            )
        finally:
            await self._stop_predicting()

    async def _read(self, idle: asyncio.Timeout) -> None:
        opening = await self._receive()
        if opening["type"] == "websocket.disconnect":
            return
        card = self._served.card
        self._session = session = StreamSession(parse_open_message(get_text(opening), card), card)
        await self._send_json(session.ready(self._served.version))
        loop = asyncio.get_running_loop()
        idle_s = self._arguments.session_idle_s
        moved_s = loop.time()
        rate = FrameRate(self._arguments.session_frames_per_s, loop.time())
        while (message := await self._receive())["type"] != "websocket.disconnect":
            now_s = loop.time()
            if now_s - moved_s > IDLE_GRAIN * idle_s:
                idle.reschedule(now_s + (1 + IDLE_GRAIN) * idle_s)
                moved_s = now_s
            try:
                if (binary := message.get("bytes")) is not None:
                    session.feed_binary(binary)
                else:
                    session.feed_text(get_text(message))
            except InvalidInput as error:
                session.reject(error)
            rate.spend(max(session.frames, 1), now_s)  # a message without frames costs as much as one
            self._check_model()
            if self._predicting is None and session.due:
                self._predicting = loop.create_task(self._predict_due(session))
            if self._predicting is not None and session.backlogged:
                await asyncio.wait({self._predicting})

    async def _predict_due(self, session: StreamSession) -> None:
        """Predict the newest window that is due and send errors, again and again until nothing is due."""
        try:
            while session.due:
                try:
                    await self._send_due(session.next_window())
                except OSError:
                    return  # the client has gone; the reading side learns it too
                except Exception as error:
                    self._log_failure(error)
        finally:
            self._predicting = None

    async def _send_due(self, due: PendingWindow | RejectedMessage) -> None:
        if isinstance(due, RejectedMessage):
            await self._send_error(due.error, due.number)
            return
        try:
            text = await self._predict(due)
        except RequestError as error:
            await self._send_error(error, due.number)
        else:
            await self._send({"type": "websocket.send", "text": text})

    async def _predict(self, window: PendingWindow) -> str:
        started = time.perf_counter()
        limit_s = self._arguments.request_deadline_s
        try:
            self._model.require_ready()
            self._metrics.record_presence(self._model.status.name, self._key, window.presence)
            async with asyncio.timeout(limit_s):
                tensors = {SEQUENCE: window.sequence, PRESENCE: window.presence}
                encoded = await self._model.predict_json(BatchItem(tensors, self._served.vocabulary))
        except RequestError:
            raise
        except TimeoutError as error:
            raise DeadlineExceeded(f"the window was not answered within {limit_s:g} s") from error
        except Exception as error:
            self._log_failure(error)
            raise RequestError("the service failed on this window; its log has the details") from error
        frames, elapsed = len(window.sequence), elapsed_ms(started)
        return encode_prediction(
            encoded, frame=window.number, frames=frames, skipped=window.skipped, elapsed_ms=elapsed
        )

    def _check_model(self) -> None:
        status, vocabulary = self._model.status, self._served.vocabulary
        if status.card is None or (vocabulary is None and status is self._status):
            return
        try:
            served = self._state.get_gestures(vocabulary and vocabulary.name)
        except RequestError as error:  # the vocabulary is gone, or the model carries none any more
            raise SessionClosed(SERVICE_RESTART, error.message) from error
        if served is not self._served and WindowSpec.read(served.card) != WindowSpec.read(self._served.card):
            raise SessionClosed(SERVICE_RESTART, "the model has changed its shape or its labels: open a session anew")
        self._served, self._status = served, status  # every refresh brings new objects of the same card

    async def _send_json(self, message: ReadyMessage | ErrorMessage) -> None:
        await self._send({"type": "websocket.send", "text": msgspec.json.encode(message).decode()})

    async def _send_error(self, error: RequestError, number: int) -> None:
        await self._send_json(ErrorMessage(**error.body(self._request_id), frame=number))

    def _log_failure(self, error: Exception) -> None:
        logger.error("session %s failed", self._request_id, exc_info=error, extra={"request_id": self._request_id})
        self._metrics.record_failure("session")

    async def _stop_predicting(self) -> None:
        if self._predicting is not None:
            self._predicting.cancel()
            await asyncio.gather(self._predicting, return_exceptions=True)

    async def _close(self, over: SessionClosed) -> None:
        """Send the errors that wait and why the session is over, then close; a client that has gone gets nothing."""
        await self._stop_predicting()  # nothing may follow the close
        last = ErrorMessage(over.message, CLOSE_REASONS[over.close_code], self._request_id)
        reason = over.message.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
        with contextlib.suppress(OSError):  # of which TimeoutError is one
            async with asyncio.timeout(CLOSE_WITHIN_S):
                while self._session is not None and self._session.due:
                    due = self._session.next_window()
                    if isinstance(due, RejectedMessage):
                        await self._send_error(due.error, due.number)
                await self._send_json(last)
                await self._send({"type": "websocket.close", "code": over.close_code, "reason": reason})


def get_text(message: Message) -> bytes:
    """The UTF-8 of a text message.

    Raises:
        SessionClosed: it is a binary one.
    """
    text = message.get("text")
    if text is None:
        raise SessionClosed(UNSUPPORTED_DATA, "found a binary message, expected the opening message in JSON first")
    return str(text).encode()
