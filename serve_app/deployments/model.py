"""The model deployment: one class, and GestureGRU and ShotTCN are this class with another name and another card.

A replica runs batches in one worker thread, so that its event loop stays free, and polls its model's sources in
another, so that a published version is taken up while it runs.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from landmarks.models.card import CARD_FILE, MODEL_FILE, describe_error, encode_card
from serve_app.errors import NotReady
from serve_app.models.loader import ModelLoader
from serve_app.models.repository import LoadedModel
from serve_app.observability.logging import configure_logging
from serve_app.observability.metrics import ModelMetrics, Snapshot
from serve_app.schemas import ModelOutput, ModelStatus, Tensors
from serve_app.settings import Environment, ModelSettings

logger = logging.getLogger(__name__)

POLL_INTERVAL_S = 0.5


class ModelReplica:
    """One replica of one model.

    Args:
        name: the model's name, such as ``gesture``.
        paths: where it may come from, as ``ModelLoader`` takes them.
        threads: ONNX Runtime threads, by default what the card says.
        startup_timeout_s: how long the start waits for a repository that is away. A replica that comes up without a
            model would take its share of the requests from those that have theirs, and fail them. It doesn't wait for
            a model that was found and rejected: it comes up, and says why.
    """

    def __init__(
        self, name: str, paths: Sequence[str], threads: int | None = None, startup_timeout_s: float = 0.0
    ) -> None:
        environment = Environment()
        configure_logging(environment.log_level, environment.log_format)
        self._metrics = ModelMetrics(name)
        self._loader = ModelLoader(name, paths, threads=threads)
        self._loader.refresh()
        give_up_s = time.monotonic() + startup_timeout_s
        while self._loader.waiting_may_help and time.monotonic() < give_up_s:
            time.sleep(POLL_INTERVAL_S)
            self._loader.refresh()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")
        self._refreshing = threading.Lock()
        self._refresh_now = threading.Event()
        threading.Thread(target=self._refresh_forever, name="model-watch", daemon=True).start()

    def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Take over the deployment's ``user_config`` without a restart: which version, how often to poll.

        Raises:
            ValueError: an unknown name or a value out of range.
        """
        self._loader.settings = ModelSettings.model_validate(user_config)
        self._refresh_now.set()

    async def infer(self, batch: Tensors, outputs: Sequence[str] | None = None) -> ModelOutput:
        """Run one batch: float32 arrays with a leading batch axis, by input name.

        Args:
            batch: the inputs.
            outputs: what to compute and send on, by default everything; names that the model lacks are left out.

        Raises:
            NotReady: no model could be loaded so far.
            ModelError: the tensors don't fit the model.
        """
        model = self._require_model()
        started = time.perf_counter()
        try:
            names = outputs and [name for name in outputs if name in model.session.output_names]
            computed = await asyncio.get_running_loop().run_in_executor(self._worker, model.session.run, batch, names)
        except Exception:
            self._metrics.record_failed_batch()
            raise
        self._metrics.record_batch(model.version, len(next(iter(batch.values()))), time.perf_counter() - started)
        card = model.session.card
        return ModelOutput(model.version, card.class_labels, card.temperature, computed, card.sha256)

    def status(self) -> ModelStatus:
        """Which model this replica serves, or why it serves none."""
        name, found = self._loader.name, self._loader.result  # once: a refresh may end meanwhile
        rejected, model = found.rejected_versions, found.model
        if model is None:
            return ModelStatus(
                name, reason=self._loader.reason, rejected_versions=rejected, has_published_version=bool(rejected)
            )
        session = model.session
        return ModelStatus(
            name,
            model.version,
            model.source,
            session.card,
            rejected_versions=rejected,
            inputs=session.inputs,
            outputs=session.outputs,
        )

    async def reload(self) -> ModelStatus:
        """Look for the best model now, also where one was rejected and would be tried again later."""
        await asyncio.to_thread(self._reload)
        return self.status()

    def artifacts(self) -> dict[str, bytes]:
        """The served model's files, ``model.onnx`` and ``card.json``, for clients that answer by themselves.

        Raises:
            NotReady: no model could be loaded so far.
        """
        return read_artifacts(self._require_model())

    def find_artifacts(self, sha256: str) -> dict[str, bytes] | None:
        """As ``artifacts``, of the model with this SHA-256: the served one or the one before, else None."""
        for model in (self._loader.current, self._loader.previous):
            if model is not None and model.session.card.sha256 == sha256:
                return read_artifacts(model)
        return None

    async def snapshot(self) -> Snapshot:
        """This replica's metrics."""
        model = self._loader.current
        rejected = len(self._loader.rejected_versions)
        self._metrics.set_served_version(model.version if model else None, self._loader.load_seconds, rejected)
        return self._metrics.snapshot()

    def _require_model(self) -> LoadedModel:
        model = self._loader.current
        if model is None:
            raise NotReady(self._loader.reason)
        return model

    def _refresh_forever(self) -> None:
        failure = ""
        while True:
            self._refresh_now.wait(timeout=self._loader.settings.poll_s)
            self._refresh_now.clear()
            try:
                with self._refreshing:
                    self._loader.refresh()
                failure = ""
            except Exception as error:  # the last resort: a refresh ends with a reason by itself
                if failure != (failure := describe_error(error)):
                    logger.exception("the refresh of the %s model failed; the one before goes on", self._loader.name)

    def _reload(self) -> None:
        with self._refreshing:
            self._loader.retry_rejected()
            self._loader.refresh()


def read_artifacts(model: LoadedModel) -> dict[str, bytes]:
    """A model's files, ``model.onnx`` and ``card.json``."""
    return {MODEL_FILE: model.session.model, CARD_FILE: encode_card(model.session.card)}
