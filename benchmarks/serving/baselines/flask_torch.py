"""The source system's way: Flask, gunicorn with 2 sync workers, torch, one window a forward pass, no batching.

Its network with random weights from a fixed seed, which cost as much as trained ones: BiGRU 2 × 128, 84 in, 34 out,
30 frames. The number of torch's threads a worker comes from the environment.
"""

import time
from typing import Final

import torch
from flask import Flask, Response, jsonify, request

from benchmarks.serving.baselines.gesture import build_response, parse_window
from landmarks.hands import FEATURE_DIM_XY
from training.networks.bigru import GRUConfig, LegacyGRU

NUM_CLASSES: Final = 34

torch.manual_seed(0)
model = LegacyGRU(GRUConfig(FEATURE_DIM_XY, NUM_CLASSES)).eval()
labels = [str(index) for index in range(NUM_CLASSES)]
app = Flask(__name__)


@app.get("/health")
def health() -> Response:
    """``{"status": "ok", "classes": 34}``."""
    return jsonify(status="ok", classes=NUM_CLASSES)


@app.post("/predict")
def predict() -> Response | tuple[Response, int]:
    """The prediction of one window; 400 with the reason for another shape."""
    started = time.perf_counter()
    try:
        body = request.get_json()
        sequence, presence = parse_window(body["sequence"], body.get("mask"))
    except (TypeError, ValueError, KeyError) as error:
        return jsonify(error=str(error)), 400
    with torch.no_grad():
        logits = model(torch.from_numpy(sequence)[None], torch.from_numpy(presence)[None])
    probabilities = torch.softmax(logits, dim=-1)[0].numpy()
    return jsonify(build_response(labels, probabilities, (time.perf_counter() - started) * 1000.0))
