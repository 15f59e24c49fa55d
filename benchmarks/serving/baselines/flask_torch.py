"""The source system's way: Flask, gunicorn with 2 sync workers, torch, one window a forward pass, no batching.

Its network with random weights from a fixed seed, which cost as much as trained ones: BiGRU 2 × 128, 84 in, 34 out,
30 frames. The number of torch's threads a worker comes from the environment.
"""

from typing import Final

import torch
from flask import Flask, Response, jsonify, request

from benchmarks.serving.baselines.gesture import parse_window, predict_batch
from landmarks.hands import FEATURE_DIM_XY, Array
from training.networks.bigru import GRUConfig, LegacyGRU

NUM_CLASSES: Final = 34

torch.manual_seed(0)
model = LegacyGRU(GRUConfig(FEATURE_DIM_XY, NUM_CLASSES)).eval()
labels = [str(index) for index in range(NUM_CLASSES)]
app = Flask(__name__)


@torch.no_grad()
def infer(sequence: Array, presence: Array) -> Array:
    """Probabilities ``(1, 34)``."""
    return torch.softmax(model(torch.from_numpy(sequence), torch.from_numpy(presence)), dim=-1).numpy()


@app.get("/health")
def health() -> Response:
    """``{"status": "ok"}``."""
    return jsonify(status="ok")


@app.post("/predict")
def predict() -> Response | tuple[Response, int]:
    """The prediction of one window; 400 with the reason for another shape."""
    try:
        body = request.get_json()
        window = parse_window(body["sequence"], body.get("mask"))
    except (TypeError, ValueError, KeyError) as error:
        return jsonify(error=str(error)), 400
    return jsonify(predict_batch(infer, labels, [window])[0])
