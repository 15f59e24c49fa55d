"""BatchingShotClient: the shot model's way through the graph, which the rules answer for as long as there is no
model."""

import asyncio
import contextlib

from landmarks.protocol.tensors import TensorSpec
from serve_app.batching.model_client import BatchingModelClient
from serve_app.deployments.postprocess import shot_specs
from serve_app.errors import NotReady
from serve_app.schemas import Tensors
from serve_app.shots.analysis import add_model_input


class BatchingShotClient(BatchingModelClient):
    """A ``BatchingModelClient`` whose stages also judge without a model. It takes the items of ``shot_frames``."""

    @property
    def answering(self) -> bool:
        """Whether what should answer can: the model, or the rules where nobody ever published one."""
        return self.status.card is not None or not self.status.published

    @property
    def output_specs(self) -> tuple[TensorSpec, ...]:
        """As ``BatchingModelClient.output_specs``."""
        return shot_specs(self.status.outputs, self.card.num_classes)

    async def submit(self, item: Tensors) -> bytes:
        """One item's encoded answer, the model's or else the rules'; items of equal shapes share batches.

        Raises:
            InvalidInput: there is no shot in the frames.
        """
        card = self.status.card
        if card is not None:
            posed = await asyncio.to_thread(add_model_input, item, card)  # up to some 10 ms of arithmetic
            with contextlib.suppress(NotReady):  # it went away since it was asked last: the rules still answer
                return await super().submit(posed)
        return await super().submit(item)
