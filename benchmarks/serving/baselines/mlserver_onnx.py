"""MLServer's runtime of the gesture model, called by MLServer in an environment of its own.

A request and its response are Open Inference v2 JSON. MLServer's adaptive batching joins the requests of a batch along
their first axis, so that ``predict`` sees ``(B, T, 84)``.
"""

import os
from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.serving.baselines.gesture import compute_probabilities
from landmarks.models.session import ModelSession


class Gesture(MLModel):  # type: ignore[misc]  # the checker's environment has no MLServer
    """The gesture model: tensors ``sequence`` and ``presence`` in, ``probabilities`` and ``label`` out."""

    async def load(self) -> bool:
        self._session = ModelSession.open(Path(os.environ["GESTURE_MODEL"]), threads=1)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        tensors = {tensor.name: NumpyCodec.decode_input(tensor) for tensor in payload.inputs}
        probabilities = compute_probabilities(self._session, tensors["sequence"], tensors["presence"])
        labels = [self._session.card.class_labels[top] for top in probabilities.argmax(axis=-1)]
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                NumpyCodec.encode_output("probabilities", probabilities),
                StringCodec.encode_output("label", labels, use_bytes=False),
            ],
        )
