"""GestureClient: the gesture model's way through the graph."""

from landmarks.protocol.tensors import TensorSpec
from serve_app.batching.model_client import BatchingModelClient, get_shape
from serve_app.gestures.response import list_outputs
from serve_app.schemas import Tensors


class GestureClient(BatchingModelClient[Tensors]):
    """A ``BatchingModelClient`` that takes the windows of ``gestures.request``."""

    @property
    def output_specs(self) -> tuple[TensorSpec, ...]:
        """As ``BatchingModelClient.output_specs``."""
        return list_outputs(self.status.outputs, self.require_ready().num_classes)

    async def predict_json(self, window: Tensors) -> bytes:
        """One window's encoded response; windows of equal length share batches."""
        return await self._json_batcher.submit(window, get_shape(window))
