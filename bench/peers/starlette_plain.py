"""What the documentation of each shows: Starlette, uvicorn × 2, ONNX Runtime, and little thought about speed.

``GESTURE_MODEL=FOLDER uvicorn bench.peers.starlette_plain:app --workers 2``. ``request.json()``, numpy,
``JSONResponse``. ONNX Runtime has one thread a worker: left to itself it takes one for each core in both workers,
which then compete (182 answers/s at 64 connections on two cores). ``starlette_onnx`` is the tuned one.
"""

import os
import time
from pathlib import Path

import numpy as np
import onnxruntime
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from landmarks.hands import HANDS, apply_mask, compute_presence
from landmarks.models.card import CARD_FILE, MODEL_FILE, read_card

folder = Path(os.environ["GESTURE_MODEL"])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(folder / MODEL_FILE, options, providers=["CPUExecutionProvider"])
card = read_card(folder / CARD_FILE)


async def health(_: Request) -> Response:
    """``{"status": "ok"}``."""
    return JSONResponse({"status": "ok"})


async def predict(request: Request) -> Response:
    """The prediction of one window; 400 with the reason when the body isn't one."""
    started = time.perf_counter()
    try:
        body = await request.json()
        sequence = np.array(body["sequence"], dtype=np.float32)
        presence = compute_presence(sequence)
        if body.get("mask") is not None:
            presence = np.array(body["mask"], dtype=np.float32)
            sequence = apply_mask(sequence, presence)
        if sequence.shape[1] != card.feature_dim or not card.min_seq_len <= len(sequence) <= card.seq_len:
            raise ValueError(f"sequence has shape {sequence.shape}")
        if presence.shape != (len(sequence), len(HANDS)):
            raise ValueError(f"mask has shape {presence.shape}")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        return JSONResponse({"error": str(error)}, 400)
    outputs = session.run(["logits"], {"sequence": sequence[None], "presence": presence[None]})
    logits = np.asarray(outputs[0])[0]
    powers = np.exp(logits - logits.max())
    probabilities = powers / powers.sum()
    top = int(probabilities.argmax())
    return JSONResponse(
        {
            "prediction": card.class_labels[top],
            "probabilities": probabilities.tolist(),
            "top_index": top,
            "top_probability": float(probabilities[top]),
            "elapsed_ms": (time.perf_counter() - started) * 1000.0,
        }
    )


app = Starlette(routes=[Route("/health", health), Route("/predict", predict, methods=["POST"])])
