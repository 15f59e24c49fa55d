"""The service seen from the Pi: its model's metadata, and predictions for windows. Synchronous, thread-safe.

It decides nothing about when to ask: ``recognition/recogniser.py`` does.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import urllib3

from edge_client.service.connections import BoundedRetry, create_tls_context, describe_connection_error
from edge_client.service.model_metadata import ModelMetadata, check_window
from edge_client.service.replies import (
    ResponseError,
    ServiceError,
    decode_reply,
    describe_redirect,
    parse_retry_after,
    read_body,
    read_error_message,
    send_request,
)
from edge_client.service.request_encoding import decode_fp16, decode_json, encode_fp16, encode_json
from edge_client.settings import Cloud
from edge_client.types import Window
from landmarks.hands import Array
from landmarks.models.session import MAX_MODEL_BYTES
from landmarks.protocol.open_inference import HEADER_LENGTH
from landmarks.protocol.predictions import Prediction

log = logging.getLogger(__name__)

MAX_REPLY_BYTES: Final = 4 * 1024 * 1024
MODEL_FILE_TIMEOUT_S: Final = 120.0  # megabytes over a slow line, and nobody waits for a gesture meanwhile
# Refused for now, not refused for good. A prediction changes nothing on the service, so asking again is safe.
RETRY_STATUSES: Final = (429, 502, 503, 504)
# So the HAProxy in front of the service answers by itself, in plain text, while it knows no replica: for a moment after
# its start, and where the last replica died. The service's own 404 and 500 are JSON, and are meant.
PROXY_ERROR_STATUSES: Final = (404, 500)
PROXY_RETRY_DELAY_S: Final = 0.5


class ServiceClient:
    """A service at one URL, over kept-alive connections.

    ``predict`` and ``get_metadata`` raise ``ServiceError`` with the reason; ``get_prediction_from_cloud`` and
    ``get_model_metadata`` log it and give ``None``, as the source system's functions did.
    """

    def __init__(self, settings: Cloud, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        # The metadata and until when it is fresh, in one assignment: threads see both or neither.
        self._cached: tuple[ModelMetadata, float] | None = None
        headers = {"User-Agent": "helen-edge", "Accept": "application/json"}
        if settings.api_key:
            headers["X-API-Key"] = settings.api_key
        retries = BoundedRetry(
            total=settings.retries,
            redirect=0,
            backoff_factor=0.2,
            backoff_max=2,
            backoff_jitter=0.1,
            status_forcelist=RETRY_STATUSES,
            allowed_methods=None,
            raise_on_status=False,
        )
        self._pool = urllib3.PoolManager(
            num_pools=2, maxsize=2, retries=retries, headers=headers, ssl_context=create_tls_context(settings)
        )

    def get_model_metadata(self, force_refresh: bool = False, timeout: float | None = None) -> dict[str, Any] | None:
        """The model's metadata, cached for ``metadata_ttl`` seconds; ``None`` when it can't be had.

        Where only the refresh fails, the copy from before is given: a service that is away has not changed its model.
        """
        try:
            metadata = self.get_metadata(timeout=timeout, force_refresh=force_refresh)
        except ServiceError as fault:
            log.warning("no metadata: %s", fault)
            cached = self._cached
            return msgspec.structs.asdict(cached[0]) if cached else None
        return msgspec.structs.asdict(metadata)

    def get_prediction_from_cloud(
        self,
        sequence: Array | Sequence[Sequence[float]],
        mask: Array | Sequence[Sequence[float]] | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any] | None:
        """Ask for one window ``(T, F)`` with an optional mask ``(T, 2)``; the reply, or ``None`` without one.

        Raises:
            ValueError: when the window isn't what the model's metadata asks for.
        """
        try:
            reply = self.predict(np.asarray(sequence, np.float32), None if mask is None else np.asarray(mask), timeout)
        except ServiceError as fault:
            log.warning("no prediction: %s", fault)
            return None
        return msgspec.structs.asdict(reply)

    def get_metadata(self, *, timeout: float | None = None, force_refresh: bool = False) -> ModelMetadata:
        """The model's metadata, from the cache while that is fresh.

        Raises:
            ServiceError: when the service gave none.
        """
        cached = self._cached
        if cached is not None and not force_refresh and self._clock() < cached[1]:
            return cached[0]
        data, _ = self.request("GET", "/metadata", timeout=timeout)
        metadata = decode_reply(data, ModelMetadata)
        self._cached = metadata, self._clock() + self._settings.metadata_ttl
        return metadata

    def predict(self, sequence: Array, mask: Array | None = None, timeout: float | None = None) -> Prediction:
        """The prediction for one window ``(T, F)``, prepared as the metadata says, with an optional mask ``(T, 2)``.

        Raises:
            ValueError: when the window isn't what the metadata asks for.
            ServiceError: when the service gave no prediction.
        """
        return self._predict(self.get_metadata(timeout=timeout), sequence, mask, timeout)

    def predict_window(self, window: Window, timeout: float) -> tuple[ModelMetadata, Prediction]:
        """The model's metadata and its prediction for a window of raw hands.

        Raises:
            ValueError, ServiceError: as ``predict``.
        """
        metadata = self.get_metadata(timeout=timeout)
        hands = metadata.shape.prepare(window.hands[-metadata.seq_len :])
        return metadata, self._predict(metadata, hands, window.presence[-metadata.seq_len :], timeout)

    def get_model_file(self, name: str) -> bytes:
        """A file of the gesture model that the service serves now, ``model.onnx`` or ``card.json``.

        Raises:
            ServiceError: when the service gave none.
        """
        path = f"/models/gesture/{name}"
        data, _ = self.request("GET", path, timeout=MODEL_FILE_TIMEOUT_S, limit=MAX_MODEL_BYTES)
        return data

    def get_server_date(self, timeout: float) -> str | None:
        """The service's clock: the ``Date`` of its answer to ``GET /health``, unread.

        Raises:
            ServiceError: as ``get_metadata``.
        """
        _, headers = self.request("GET", "/health", timeout=timeout)
        return headers.get("Date")

    def invalidate_metadata(self) -> None:
        """Drop the cached metadata: the next call asks the service for it."""
        self._cached = None

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _predict(
        self, metadata: ModelMetadata, sequence: Array, mask: Array | None, timeout: float | None
    ) -> Prediction:
        check_window(sequence, mask, metadata)
        compact = self._settings.encoding == "fp16" and "fp16" in metadata.encodings
        request = encode_fp16(sequence, mask) if compact else encode_json(sequence, mask)
        try:
            data, headers = self.request("POST", request.path, request.headers, request.body, timeout=timeout)
            reply = decode_fp16(data, headers.get(HEADER_LENGTH)) if compact else decode_json(data)
        except ServiceError as fault:
            if fault.status in (400, 404):
                self.invalidate_metadata()  # the window was right by what we know, so what we know is old
            raise
        if len(reply.probabilities) != metadata.num_classes:
            self.invalidate_metadata()
            found, expected = len(reply.probabilities), metadata.num_classes
            raise ServiceError(f"{request.path} gave {found} probabilities, /metadata says {expected} classes")
        return reply

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        timeout: float | None,
        limit: int = MAX_REPLY_BYTES,
    ) -> tuple[bytes, Mapping[str, str]]:
        """The body and the headers of an answer of a status from 200 to 299; ``path`` goes behind the base URL.

        Raises:
            ServiceError: another status, no answer, or one of more than ``limit`` bytes.
        """
        url = self._settings.url + path
        timeout_s = self._settings.timeout if timeout is None else timeout
        for left in range(self._settings.retries, -1, -1):
            try:
                every = {**self._pool.headers, **(headers or {})}
                answer = send_request(self._pool, method, url, body, every, timeout_s=timeout_s)
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                raise ServiceError(f"{method} {url} failed: {describe_connection_error(error)}") from error
            try:
                data = read_body(answer, limit, timeout_s)
            except ResponseError as error:
                raise ServiceError(f"{method} {url} {error}") from error
            except (urllib3.exceptions.HTTPError, OSError) as error:
                if not left:  # urllib3 doesn't ask again where an answer was cut off in the middle
                    raise ServiceError(f"{method} {url} failed: {describe_connection_error(error)}") from error
                continue
            by_proxy = answer.status in PROXY_ERROR_STATUSES and answer.headers.get("Content-Type") == "text/plain"
            if not left or not by_proxy:
                break
            time.sleep(PROXY_RETRY_DELAY_S)
        if not 200 <= answer.status < 300:
            raise create_status_error(f"{method} {url}", answer.status, data, answer.headers)
        return data, answer.headers


def create_status_error(asked: str, status: int, data: bytes, headers: Mapping[str, str]) -> ServiceError:
    """Why ``asked`` got another status than the one that was hoped for: over HTTP, and where a session is opened."""
    if 300 <= status < 400:
        return ServiceError(f"{asked} {describe_redirect(status, headers.get('Location'))}", status=status)
    message = f"{asked} answered {status}: {read_error_message(data)}"
    return ServiceError(message, status=status, retry_after_s=parse_retry_after(headers.get("Retry-After")))
