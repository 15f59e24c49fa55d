"""The model deployment: one class, and GestureGRU and ShotTCN are this class with another name and another card.

A replica answers batches in one worker thread, so that its event loop stays free, and watches its model's sources
in another, so that a published version is taken up while it runs.
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
from serve_app.observability.metrics import ModelMetrics, Snapshot
from serve_app.schemas import ModelOutput, ModelStatus, Tensors
from serve_app.settings import Environment, ModelSettings, configure_logging

logger = logging.getLogger(__name__)

POLL_INTERVAL_S = 0.5


class ModelReplica:
    """One replica of one model.

    Args:
        name: the model's name, such as ``gesture``. paths: where it may come from, as ``ModelLoader`` takes them.
        threads: ONNX Runtime threads, by default what the card says. startup_timeout_s: how long the start waits for a
        repository that is away. A replica that comes up without a model
            would take its share of the requests from those that loaded theirs before, and refuse them. It doesn't
            wait for a model that was found and refused: it comes up, and says why.
    """

    def __init__(
        self, name: str, paths: Sequence[str], threads: int | None = None, startup_timeout_s: float = 0.0
    ) -> None:
        configure_logging(Environment().log_level)
        self._counts = ModelMetrics(name)
        self._model = ModelLoader(name, paths, threads=threads)
        self._model.look()
        give_up_s = time.monotonic() + startup_timeout_s
        while self._model.waiting_may_help and time.monotonic() < give_up_s:
            time.sleep(POLL_INTERVAL_S)
            self._model.look()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")
        self._looking = threading.Lock()
        self._look_now = threading.Event()
        threading.Thread(target=self._watch, name="model-watch", daemon=True).start()

    def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Take over the deployment's ``user_config`` without a restart: which version, how often to look.

        Raises:
            ValueError: an unknown name or a value out of range.
        """
        self._model.settings = ModelSettings.model_validate(user_config)
        self._look_now.set()

    async def infer(self, batch: Tensors) -> ModelOutput:
        """Answer one batch: float32 arrays with a leading batch axis, by input name.

        Raises:
            NotReady: no model could be loaded so far.
            ModelError: the tensors don't fit the model.
        """
        model = self._model.current
        if model is None:
            raise NotReady(self._model.reason)
        started = time.perf_counter()
        try:
            outputs = await asyncio.get_running_loop().run_in_executor(self._worker, model.session.run, batch)
        except Exception:
            self._counts.failed()
            raise
        self._counts.answered(model.version, len(next(iter(batch.values()))), time.perf_counter() - started)
        card = model.session.card
        return ModelOutput(model.version, card.class_labels, card.temperature, outputs)

    def describe(self) -> ModelStatus:
        """Which model this replica serves, or why it serves none."""
        name, findings = self._model.name, self._model.findings  # once: a look may end meanwhile
        refused, model = findings.refused, findings.model
        if model is None:
            return ModelStatus(name, reason=self._model.reason, refused=refused, published=bool(refused))
        session = model.session
        return ModelStatus(
            name,
            model.version,
            model.source,
            session.card,
            refused=refused,
            inputs=session.inputs,
            outputs=session.outputs,
        )

    async def look(self) -> ModelStatus:
        """Look for the best model now, also where one was refused and would be tried again later."""
        await asyncio.to_thread(self._look_again)
        return self.describe()

    def files(self) -> dict[str, bytes]:
        """The served model's files, ``model.onnx`` and ``card.json``, for clients that answer by themselves.

        Raises:
            NotReady: no model could be loaded so far.
        """
        model = self._model.current
        if model is None:
            raise NotReady(self._model.reason)
        return {MODEL_FILE: model.session.model, CARD_FILE: encode_card(model.session.card)}

    async def snapshot(self) -> Snapshot:
        """What this replica has counted."""
        model = self._model.current
        self._counts.serves(model.version if model else None, self._model.load_seconds, len(self._model.refused))
        return self._counts.snapshot()

    def _watch(self) -> None:
        failure = ""
        while True:
            self._look_now.wait(timeout=self._model.settings.poll_s)
            self._look_now.clear()
            try:
                with self._looking:
                    self._model.look()
                failure = ""
            except Exception as error:  # the last resort: a look ends with a reason by itself
                if failure != (failure := describe_error(error)):
                    logger.exception("the look for a newer %s model failed; the one before goes on", self._model.name)

    def _look_again(self) -> None:
        with self._looking:
            self._model.retry_refused()
            self._model.look()
