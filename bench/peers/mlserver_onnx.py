"""MLServer's runtime of the gesture model, called by MLServer in an environment of its own (``mlserver_home.py``).

A request and its answer are Open Inference v2 JSON. MLServer's adaptive batching joins the requests of a batch along
their first axis, so that ``predict`` sees ``(B, T, 84)``.
"""

from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from bench.peers.gesture import probabilities_of
from landmarks.models.session import ModelSession


class Gesture(MLModel):  # type: ignore[misc]  # the checker's environment has no MLServer
    """The gesture model: tensors ``sequence`` and ``presence`` in, ``probabilities`` and ``label`` out."""

    async def load(self) -> bool:
        self._gesture = ModelSession.open(Path(self.settings.parameters.uri), threads=1)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        tensors = {tensor.name: NumpyCodec.decode_input(tensor) for tensor in payload.inputs}
        probabilities = probabilities_of(self._gesture, tensors["sequence"], tensors["presence"])
        labels = [self._gesture.card.class_labels[top] for top in probabilities.argmax(axis=-1)]
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                NumpyCodec.encode_output("probabilities", probabilities),
                StringCodec.encode_output("label", labels, use_bytes=False),
            ],
        )
