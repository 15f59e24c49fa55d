"""The server people would pick instead: LitServe with batched ONNX Runtime on the model file that the service runs.

Two API servers, since they parse the JSON. At 1 connection every request waits out the batch time-out, so it is short.
"""

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import litserve

from benchmarks.serving.baselines.gesture import compute_probabilities, parse_window, predict_batch
from landmarks.hands import Array
from landmarks.models.session import ModelSession

Window = tuple[Array, Array]


class GestureAPI(litserve.LitAPI):
    """LitServe's verbs around a ``ModelSession``: a window is ``(sequence (T, 84), presence (T, 2))``."""

    def setup(self, device: str) -> None:
        session = ModelSession.open(Path(os.environ["GESTURE_MODEL"]))
        self.predict_batch = partial(predict_batch, partial(compute_probabilities, session), session.card.class_labels)

    # LitServe reads the annotation: with a type here FastAPI checks the body too, a third more CPU time a request.
    def decode_request(self, request, **kwargs: Any) -> Window:  # type: ignore[no-untyped-def]
        return parse_window(request["sequence"], request.get("mask"))

    def predict(self, x: list[Window], **kwargs: Any) -> list[dict[str, Any]]:
        return self.predict_batch(x)


if __name__ == "__main__":
    api = GestureAPI(max_batch_size=32, batch_timeout=0.002)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=2, timeout=30)
    server.run("127.0.0.1", int(sys.argv[1]), 2, log_level="warning", generate_client_file=False, access_log=False)
