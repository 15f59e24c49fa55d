"""The server people would pick instead: LitServe with batched ONNX Runtime on the model file that the service runs.

Two API servers, since they parse the JSON. At 1 connection every request waits out the batch time-out, so it is short.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

import litserve
import numpy as np

from benchmarks.serving.baselines.gesture import build_response, compute_probabilities, parse_window
from landmarks.hands import Array
from landmarks.models.session import ModelSession

Window = tuple[Array, Array]


class GestureAPI(litserve.LitAPI):
    """LitServe's verbs around a ``ModelSession``: a window is ``(sequence (T, 84), presence (T, 2))``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(max_batch_size=32, batch_timeout=0.002)
        self.folder = folder

    def setup(self, device: str) -> None:
        self.session = ModelSession.open(self.folder)

    # LitServe reads the annotation: with a type here FastAPI checks the body too, a third more CPU time a request.
    def decode_request(self, request, **kwargs: Any) -> Window:  # type: ignore[no-untyped-def]
        return parse_window(request["sequence"], request.get("mask"))

    def batch(self, inputs: list[Window]) -> Window:
        sequences, presences = zip(*inputs, strict=True)
        return np.stack(sequences), np.stack(presences)

    def predict(self, x: Window, **kwargs: Any) -> tuple[Array, float]:
        started = time.perf_counter()
        return compute_probabilities(self.session, *x), (time.perf_counter() - started) * 1000.0

    def unbatch(self, output: tuple[Array, float]) -> list[tuple[Array, float]]:
        probabilities, elapsed_ms = output
        return [(row, elapsed_ms) for row in probabilities]

    def encode_response(self, output: tuple[Array, float], **kwargs: Any) -> dict[str, Any]:
        return build_response(self.session.card.class_labels, *output)


if __name__ == "__main__":
    api = GestureAPI(Path(os.environ["GESTURE_MODEL"]))
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=2, timeout=30)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=2,
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )
