"""A small HTTP server for the tests of everything that talks to one: what it answers is a function, and may change."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import numpy as np

from landmarks.hands import compute_presence
from landmarks.models.card import ModelCard
from landmarks.models.session import ModelSession
from landmarks.protocol.open_inference import HEADER_LENGTH, decode_request, encode_response
from landmarks.protocol.predictions import softmax


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class HttpService:
    """``answer`` may be replaced while it runs; ``requests`` is what came."""

    answer: Callable[[Request], Reply]
    url: str = ""
    requests: list[Request] = field(default_factory=list)

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


@contextmanager
def http_service(answer: Callable[[Request], Reply], port: int = 0) -> Iterator[HttpService]:
    """Serve on a free port of loopback, or on ``port``, until the block ends."""
    service = HttpService(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _take(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            request = Request(self.command, self.path, dict(self.headers), self.rfile.read(length))
            service.requests.append(request)
            reply = service.answer(request)
            try:
                self.send_response(reply.status)
                for name, value in ({"Content-Length": str(len(reply.body))} | reply.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the client stopped waiting, as the test wanted

        do_GET = do_POST = do_PUT = do_DELETE = _take  # noqa: N815 - names that http.server looks for

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64
        allow_reuse_address = True

    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def build_metadata(card: ModelCard, version: str = "1", encodings: tuple[str, ...] = ()) -> dict[str, Any]:
    metadata = {"encodings": encodings} if encodings else {}
    return metadata | {
        "seq_len": card.seq_len,
        "min_seq_len": card.min_seq_len,
        "use_z": card.use_z,
        "num_classes": card.num_classes,
        "class_labels": card.class_labels,
        "feature_dim": card.feature_dim,
        "normalization": card.normalization,
        "version": version,
        "models": {},
    }


def model_answers(session: ModelSession, encodings: tuple[str, ...] = ()) -> Callable[[Request], Reply]:
    """``GET /metadata``, ``POST /predict`` and ``/v2`` of a service with this model.

    Without ``encodings`` it is a service of before, whose metadata names none and which has no ``/v2``.
    """
    card = session.card

    def answer_tensors(request: Request) -> Reply:
        asked = decode_request(request.body, int(request.headers[HEADER_LENGTH]))
        sequence = asked.tensors["sequence"]
        assert isinstance(sequence, np.ndarray)
        logits = session.run({"sequence": sequence, "presence": compute_presence(sequence)})["logits"]
        probabilities = softmax(logits[0] / card.temperature)[None]
        label = np.array([card.class_labels[int(probabilities.argmax())].encode()])
        body, json_bytes = encode_response(
            {"probabilities": probabilities, "label": label},
            asked.outputs or (),
            model_name="gesture",
            model_version="1",
            request_id=None,
            elapsed_ms=1.0,
        )
        return Reply(body=body, headers={HEADER_LENGTH: str(json_bytes)})

    def answer(request: Request) -> Reply:
        if request.path == "/metadata":
            return Reply(body=msgspec.json.encode(build_metadata(card, encodings=encodings)))
        if request.path == "/v2/models/gesture/infer" and encodings:
            return answer_tensors(request)
        if request.path == "/health":
            return Reply()
        body = request.json()
        tensors = {
            "sequence": np.array(body["sequence"], dtype=np.float32)[None],
        }
        mask = body.get("mask", compute_presence(tensors["sequence"])[0])
        tensors["presence"] = np.array(mask, dtype=np.float32)[None]
        probabilities = softmax(session.run(tensors)["logits"][0] / card.temperature)
        top = int(probabilities.argmax())
        reply = {
            "prediction": card.class_labels[top],
            "probabilities": probabilities.tolist(),
            "top_index": top,
            "top_probability": float(probabilities[top]),
            "elapsed_ms": 1.0,
            "model_version": "1",
        }
        return Reply(body=msgspec.json.encode(reply))

    return answer
