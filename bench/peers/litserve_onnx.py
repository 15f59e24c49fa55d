"""The server people would pick instead: LitServe with batched ONNX Runtime on the model file that the service runs.

``python -m bench.peers.litserve_onnx --model FOLDER --port PORT``. The settings were chosen
among 15 that were tried on 2 cores (batches of 16 to 64, time-outs of 0 to 20 ms, 1 or 2 inference workers and API
servers). Two API servers matter most, since they parse the JSON. At 1 connection every request waits out the
time-out, so it is short; 5 ms with one inference worker is as good at 64 connections, within the noise, and slower
at 1 and 16. ``fast_queue`` makes no difference in 0.2.19, which drops it on the way to its transport.
``decode_request`` checks nothing, as in LitServe's own examples.
"""

import argparse
import time
from pathlib import Path
from typing import Any, Final

import litserve
import numpy as np

from bench.peers.gesture import probabilities_of
from landmarks.hands import Array, apply_mask, compute_presence
from landmarks.models.session import ModelSession

MAX_BATCH_SIZE: Final = 32
BATCH_TIMEOUT_S: Final = 0.002
INFERENCE_WORKERS: Final = 2
API_SERVERS: Final = 2

Window = tuple[Array, Array]


class GestureAPI(litserve.LitAPI):
    """LitServe's verbs around a ``ModelSession``: a window is ``(sequence (T, 84), presence (T, 2))``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(max_batch_size=MAX_BATCH_SIZE, batch_timeout=BATCH_TIMEOUT_S)
        self.folder = folder

    def setup(self, device: str) -> None:
        self.session = ModelSession.open(self.folder)

    # LitServe reads the annotation: with a type here FastAPI checks the body too, a third more CPU time a request.
    def decode_request(self, request, **kwargs: Any) -> Window:  # type: ignore[no-untyped-def]
        sequence = np.asarray(request["sequence"], dtype=np.float32)
        if "mask" not in request:
            return sequence, compute_presence(sequence)
        mask = np.asarray(request["mask"], dtype=np.float32)
        return apply_mask(sequence, mask), mask

    def batch(self, inputs: list[Window]) -> Window:
        sequences, presences = zip(*inputs, strict=True)
        return np.stack(sequences), np.stack(presences)

    def predict(self, x: Window, **kwargs: Any) -> tuple[Array, float]:
        started = time.perf_counter()
        sequence, presence = x
        probabilities = probabilities_of(self.session, sequence, presence)
        return probabilities, (time.perf_counter() - started) * 1000.0

    def unbatch(self, output: tuple[Array, float]) -> list[tuple[Array, float]]:
        probabilities, elapsed_ms = output
        return [(row, elapsed_ms) for row in probabilities]

    def encode_response(self, output: tuple[Array, float], **kwargs: Any) -> dict[str, Any]:
        probabilities, elapsed_ms = output
        top = int(probabilities.argmax())
        return {
            "prediction": self.session.card.class_labels[top],
            "probabilities": probabilities.tolist(),
            "top_index": top,
            "top_probability": float(probabilities[top]),
            "elapsed_ms": elapsed_ms,
        }


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    server = litserve.LitServer(
        GestureAPI(options.model), accelerator="cpu", workers_per_device=INFERENCE_WORKERS, timeout=30
    )
    server.run(
        host="127.0.0.1",
        port=options.port,
        num_api_servers=API_SERVERS,
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )


if __name__ == "__main__":
    main()
