"""The source system's way: Flask, gunicorn with 2 sync workers, torch, one window a forward pass, no batching.

Its network with random weights from a fixed seed, which cost as much as trained ones: BiGRU 2 × 128, 84 in, 34 out,
30 frames. The number of torch's threads a worker comes from the environment.
"""

import time
from typing import Final

import numpy as np
import torch
from flask import Flask, Response, jsonify, request

from landmarks.hands import FEATURE_DIM_XY, apply_mask, compute_presence
from training.networks.bigru import GRUConfig, LegacyGRU

NUM_CLASSES: Final = 34
SEQ_LEN: Final = 30
MIN_SEQ_LEN: Final = 6

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
        sequence = np.asarray(body["sequence"], dtype=np.float32)
        if sequence.ndim != 2 or sequence.shape[1] != FEATURE_DIM_XY or not MIN_SEQ_LEN <= len(sequence) <= SEQ_LEN:
            raise ValueError(f"sequence has shape {sequence.shape}, expected {SEQ_LEN} × {FEATURE_DIM_XY}")
        presence = compute_presence(sequence)
        if body.get("mask") is not None:
            presence = np.asarray(body["mask"], dtype=np.float32)
            sequence = apply_mask(sequence, presence)
    except (TypeError, ValueError, KeyError) as error:
        return jsonify(error=str(error)), 400
    with torch.no_grad():
        logits = model(torch.from_numpy(sequence)[None], torch.from_numpy(presence)[None])
    probabilities = torch.softmax(logits, dim=-1)[0]
    top = int(probabilities.argmax())
    return jsonify(
        prediction=labels[top],
        probabilities=probabilities.tolist(),
        top_index=top,
        top_probability=float(probabilities[top]),
        elapsed_ms=(time.perf_counter() - started) * 1000.0,
    )
