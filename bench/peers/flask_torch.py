"""The source system's way: Flask, gunicorn with 2 sync workers, torch, one window a forward pass, no batching.

Written for the benchmark from the source system's README: model loaded once a process, ``POST /predict``, five fields.
Its network has the size of the source system's (BiGRU 2 × 128, 84 in, 34 out, 30 frames); the weights are random
from a fixed seed, which costs as much as trained ones. The number of torch's threads a worker comes from the
environment: the README sets none, and two workers with torch's own default get in each other's way on two cores, so
``bench/peer.py`` runs it once as the README has it, and once with one thread a worker.
"""

import time
from typing import Final

import numpy as np
import torch
from flask import Flask, Response, jsonify, request
from torch import nn

FEATURE_DIM: Final = 84
HIDDEN_DIM: Final = 128
NUM_LAYERS: Final = 2
NUM_CLASSES: Final = 34
SEQ_LEN: Final = 30
MIN_SEQ_LEN: Final = 6


class SequenceBiGRU(nn.Module):
    """Batch-first BiGRU ``(B, T, 84)`` whose last time step goes through LayerNorm, Dropout and Linear: ``(B, 34)``."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(FEATURE_DIM, HIDDEN_DIM, NUM_LAYERS, batch_first=True, dropout=0.3, bidirectional=True)
        self.head = nn.Sequential(nn.LayerNorm(2 * HIDDEN_DIM), nn.Dropout(0.3), nn.Linear(2 * HIDDEN_DIM, NUM_CLASSES))

    def forward(self, sequence: torch.Tensor) -> torch.Tensor:
        steps, _ = self.gru(sequence)
        logits: torch.Tensor = self.head(steps[:, -1])
        return logits


torch.manual_seed(0)
model = SequenceBiGRU().eval()
labels = [str(index) for index in range(NUM_CLASSES)]
app = Flask(__name__)


@app.get("/health")
def health() -> Response:
    """``{"status": "ok", "classes": 34}``."""
    return jsonify(status="ok", classes=NUM_CLASSES)


@app.post("/predict")
def predict() -> Response | tuple[Response, int]:
    """The prediction of one window, as the source system answers it; 400 with the reason for another shape."""
    started = time.perf_counter()
    payload = request.get_json(silent=True)
    if not isinstance(payload, dict) or "sequence" not in payload:
        return jsonify(error="expected a JSON object with a sequence"), 400
    try:
        sequence = np.asarray(payload["sequence"], dtype=np.float32)
        mask = None if payload.get("mask") is None else np.asarray(payload["mask"], dtype=np.float32)
    except (TypeError, ValueError):
        return jsonify(error="sequence and mask must be lists of lists of numbers"), 400
    if sequence.ndim != 2 or sequence.shape[1] != FEATURE_DIM or not MIN_SEQ_LEN <= len(sequence) <= SEQ_LEN:
        return jsonify(error=f"sequence has shape {sequence.shape}, expected {SEQ_LEN} × {FEATURE_DIM}"), 400
    if mask is not None:
        if mask.shape != (len(sequence), 2):
            return jsonify(error=f"mask has shape {mask.shape}, expected {len(sequence)} × 2"), 400
        sequence = sequence * np.repeat(mask, FEATURE_DIM // 2, axis=1)
    with torch.no_grad():
        probabilities = torch.softmax(model(torch.from_numpy(sequence).unsqueeze(0)), dim=-1)[0]
    top = int(probabilities.argmax())
    return jsonify(
        prediction=labels[top],
        probabilities=probabilities.tolist(),
        top_index=top,
        top_probability=float(probabilities[top]),
        elapsed_ms=(time.perf_counter() - started) * 1000.0,
    )
