"""ShotClient: the shot model's way through the graph, on which the rules answer for as long as there is no model."""

import asyncio
import contextlib
from dataclasses import replace

from landmarks.protocol.tensors import TensorSpec
from serve_app.batching.model_client import BatchingModelClient
from serve_app.errors import NotReady
from serve_app.shots.analysis import add_model_input, list_outputs
from serve_app.shots.request import ShotRequest


class ShotClient(BatchingModelClient[ShotRequest]):
    """A ``BatchingModelClient`` whose stages also analyze without a model."""

    @property
    def ready(self) -> bool:
        """Whether the model is ready, or the rules stand in for one that was never published."""
        return self.status.card is not None or not self.status.has_published_version

    @property
    def output_specs(self) -> tuple[TensorSpec, ...]:
        """As ``BatchingModelClient.output_specs``."""
        return list_outputs(self.status.outputs, self.require_ready().num_classes)

    async def predict_json(self, shot: ShotRequest) -> bytes:
        """One shot's encoded response, the model's or else the rules'; shots of equal shapes share batches.

        Raises:
            InvalidInput: there is no shot in the frames.
        """
        card = self.status.card
        if card is not None:
            shot = await asyncio.to_thread(add_model_input, shot, card)  # up to some 10 ms of arithmetic
            with contextlib.suppress(NotReady):  # the model has gone since its last status: the rules answer
                return await self._json_batcher.submit(shot, shot.shape)
            shot = replace(shot, poses=None)
        return await self._json_batcher.submit(shot, shot.shape)
