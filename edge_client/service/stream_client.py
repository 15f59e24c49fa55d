"""The service over one WebSocket: a window is asked for by its new frames alone, 170 bytes each.

A session's window is kept by the service (docs/stream-protocol.md). After any doubt the session is dropped, and the
next one begins with the whole window, so that no answer is ever about a mix. Synchronous, for one thread, the
recogniser's.
"""

import contextlib
import logging
import time
from typing import Final

import msgspec
from urllib3 import HTTPHeaderDict
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from edge_client.service.connections import create_tls_context, describe_connection_error
from edge_client.service.http_client import MAX_REPLY_BYTES, ServiceClient, create_status_error
from edge_client.service.model_metadata import ModelMetadata
from edge_client.service.replies import Reply, ServiceError, decode_reply, quote_text
from edge_client.service.websocket import DirectConnection, HandshakeRejected
from edge_client.settings import Cloud
from edge_client.types import Window
from landmarks.protocol.predictions import Prediction
from landmarks.protocol.stream import (
    MAX_FRAME_NUMBER,
    PATH,
    TRY_AGAIN_LATER,
    ErrorMessage,
    OpenMessage,
    StreamPrediction,
    TextMessage,
    is_prediction,
    pack_frames,
)

log = logging.getLogger(__name__)

CLOSE_WITHIN_S: Final = 1.0
# The service's reasons not to answer one window, and when it wants to be asked again.
RETRY_AFTER_S: Final = {"overloaded": 1.0, "not_ready": 1.0}


class SessionLost(ServiceError):
    """The connection ended: a new session may get the answer that this one didn't."""


class WindowRejected(ServiceError):
    """The service gives no answer to this window; the session goes on."""


class StreamClient:
    """A service at one URL, over a live session that is opened when a window is asked for."""

    def __init__(self, settings: Cloud) -> None:
        self._settings = settings
        self._http = ServiceClient(settings)
        self._session: FrameSession | None = None

    def get_metadata(self, *, timeout: float | None = None, force_refresh: bool = False) -> ModelMetadata:
        """As ``ServiceClient.get_metadata``."""
        return self._http.get_metadata(timeout=timeout, force_refresh=force_refresh)

    def predict_window(self, window: Window, timeout: float) -> tuple[ModelMetadata, Prediction]:
        """Ask for a window of raw hands; the model's metadata and its answer.

        A session that was lost since the last window, by a restart or for being idle, is opened anew, once.

        Raises:
            ServiceError: the service gave no answer.
        """
        deadline_s = time.monotonic() + timeout
        if self._session is not None:
            try:
                return self._ask(self._session, window, deadline_s)
            except SessionLost as lost:
                log.info("the session with the service ended: %s", lost)
        self._session = FrameSession(self._settings, deadline_s)
        return self._ask(self._session, window, deadline_s)

    def close(self) -> None:
        """End the session."""
        self._drop()
        self._http.close()

    def _ask(self, session: "FrameSession", window: Window, deadline_s: float) -> tuple[ModelMetadata, Prediction]:
        try:
            return session.metadata, session.predict(window, deadline_s)
        except ServiceError as fault:
            if not isinstance(fault, WindowRejected):
                self._drop()
            raise

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


class FrameSession:
    """One live session, and which frames the service holds in it.

    Raises:
        ServiceError: the service doesn't open one before ``deadline_s`` (``time.monotonic``).
    """

    def __init__(self, settings: Cloud, deadline_s: float) -> None:
        self._url = "ws" + settings.url[len("http") :] + PATH
        self._number = 0
        self._held = 0
        self._episode = -1
        self._newest = -1
        headers = {"X-API-Key": settings.api_key} if settings.api_key else {}
        try:
            opening = connect(
                self._url,
                additional_headers=headers,
                user_agent_header="helen-edge",
                compression=None,  # FP16 coordinates hardly shrink, and every frame would pay for the attempt
                open_timeout=max(deadline_s - time.monotonic(), 0.001),
                close_timeout=CLOSE_WITHIN_S,
                max_size=MAX_REPLY_BYTES,
                proxy=None,
                ssl=create_tls_context(settings),
                create_connection=DirectConnection,
            )
            self._open = contextlib.ExitStack()
            self._socket: ClientConnection = self._open.enter_context(opening)
        except HandshakeRejected as refused:
            answer = refused.response
            # urllib3's mapping joins a header that comes twice; websockets' raises.
            answered = HTTPHeaderDict(answer.headers.raw_items())
            raise create_status_error(self._url, answer.status_code, bytes(answer.body or b""), answered) from refused
        except (OSError, WebSocketException, ValueError) as error:
            raise ServiceError(f"{self._url} can't be reached: {describe_connection_error(error)}") from error
        try:
            self._send_text(OpenMessage(encoding="fp16", stride=0))
            self.metadata = self._decode(self._receive(deadline_s), ModelMetadata)
        except BaseException:
            self.close()
            raise

    def predict(self, window: Window, deadline_s: float) -> Prediction:
        """Send what the service lacks of a window, and wait for the answer to it.

        Raises:
            WindowRejected: the service gives none, for now.
            SessionLost: the connection ended.
            ServiceError: it didn't come before ``deadline_s``, or isn't one.
        """
        metadata = self.metadata
        frames = min(len(window.hands), metadata.seq_len)
        self._number = (self._number + 1) % (MAX_FRAME_NUMBER + 1)
        new = self._new_frames(window, frames)
        if new == frames > 0 and self._held:
            self._send_text(TextMessage("reset"))
            self._held = 0
        self._held = min(self._held + new, metadata.seq_len)
        exact = self._held == frames  # else the oldest frames that the service holds aren't the window's any more
        if new:
            frames_to_send = metadata.shape.prepare(window.hands[-new:])
            self._send(pack_frames(frames_to_send, "fp16", self._number if exact else None))
        if not (new and exact):
            self._send_text(TextMessage("predict", n=self._number, frames=frames))
        self._episode, self._newest = window.stats.episode, -1 if window.frame is None else window.frame
        return self._answer(frames, deadline_s)

    def close(self) -> None:
        """Close the connection."""
        self._open.close()

    def _new_frames(self, window: Window, frames: int) -> int:
        """How many of a window's last frames the service lacks; all of them when it holds no beginning of it."""
        if window.frame is None or window.stats.episode != self._episode or self._newest < 0:
            return frames
        new = window.frame - self._newest
        known = 0 <= new < frames and frames <= min(self._held + new, self.metadata.seq_len)
        return new if known else frames

    def _answer(self, frames: int, deadline_s: float) -> Prediction:
        while True:
            data = self._receive(deadline_s)
            if is_prediction(data):
                prediction = self._decode(data, StreamPrediction)
                if prediction.frame != self._number:
                    continue  # an answer that came too late for its own window
                labels = self.metadata.class_labels
                fits = len(prediction.probabilities) == len(labels) and prediction.frames == frames
                if not fits or labels[prediction.top_index] != prediction.prediction:
                    raise ServiceError(f"{self._url} gave an answer to another window or of another model")
                return prediction
            fault = self._decode(data, ErrorMessage)
            if fault.frame == self._number:
                raise WindowRejected(
                    f"{self._url}: {quote_text(fault.error)}", retry_after_s=RETRY_AFTER_S.get(fault.code, 0.0)
                )
            if fault.frame is None:
                raise SessionLost(f"{self._url}: {quote_text(fault.error)}")

    def _send_text(self, message: OpenMessage | TextMessage) -> None:
        self._send(msgspec.json.encode(message).decode())

    def _send(self, message: str | bytes) -> None:
        try:
            self._socket.send(message)
        except ConnectionClosed as closed:
            raise self._lost(closed) from closed

    def _receive(self, deadline_s: float) -> bytes:
        left_s = deadline_s - time.monotonic()
        try:
            if left_s < 0:  # one that never stops talking has no silence to time out
                raise TimeoutError
            return self._socket.recv(timeout=left_s, decode=False)
        except TimeoutError as error:
            raise ServiceError(f"{self._url} gave no answer in time") from error
        except ConnectionClosed as closed:
            raise self._lost(closed) from closed

    def _lost(self, closed: ConnectionClosed) -> SessionLost:
        reason = quote_text(closed.rcvd.reason) if closed.rcvd else "the connection broke"
        later = bool(closed.rcvd and closed.rcvd.code == TRY_AGAIN_LATER)
        return SessionLost(f"{self._url} closed: {reason or closed}", retry_after_s=1.0 if later else 0.0)

    def _decode(self, data: bytes, kind: type[Reply]) -> Reply:
        return decode_reply(data, kind, f"what {self._url} sent")
