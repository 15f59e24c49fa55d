"""The client as a process: everything built from the settings, run until the source ends or someone stops it.

``cli.py`` calls it for ``run``, ``replay`` and ``demo``. The loop itself is ``pipeline.py``.
"""

import contextlib
import logging
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from edge_client.capture.frames import SourceError
from edge_client.capture.hand_tracker import open_tracker
from edge_client.capture.live_source import LiveSource
from edge_client.capture.sources import check_whole, open_frames, open_source
from edge_client.demo import made_recording
from edge_client.events.outputs import EventOutputs
from edge_client.events.status import StatusMonitor
from edge_client.pipeline import Pipeline
from edge_client.publisher import Publisher
from edge_client.recognition.local_model import LocalModel
from edge_client.recognition.recogniser import open_recogniser
from edge_client.runtime.stop_signals import stop_on_signals
from edge_client.runtime.systemd import Watchdog
from edge_client.runtime.worker import Health
from edge_client.settings import Screen, Settings
from edge_client.types import Event
from edge_client.ui.state_publisher import ScreenClient, StatePublisher
from landmarks.recording import write_recording

log = logging.getLogger(__name__)

LAST_PREDICTIONS_S: Final = 2.0


def run_client(settings: Settings, with_screen: bool) -> Pipeline:
    """Run until the source ends or SIGINT or SIGTERM comes; gives the pipeline for its counts and times.

    ``with_screen`` starts the local screen in this process, otherwise one may run at the publishing URL. The log has
    each event.
    """
    source = open_source(settings.capture)
    health = Health()
    with contextlib.ExitStack() as stack:
        stack.callback(source.close)
        if with_screen:
            show = stack.enter_context(open_screen(settings.screen, health))
        else:
            show = ScreenClient(settings.publish.origin).show
        publisher = stack.enter_context(Publisher(settings.publish))
        recogniser = stack.enter_context(open_recogniser(settings))
        tracker = stack.enter_context(open_tracker(settings.tracking, source))
        session_id = uuid.uuid4().hex
        states = stack.enter_context(
            StatePublisher(show, lambda: recogniser.link, settings.screen.rate, session_id, health)
        )

        outputs = stack.enter_context(EventOutputs(settings, lambda: recogniser.labels))
        monitor = StatusMonitor(outputs.publish, session_id)

        def publish(event: Event) -> None:
            publisher.publish(event)
            outputs.publish(event)
            log.info("%s %.2f (%s, %.0f ms)", event.gesture, event.score, event.source, event.latency_ms)

        pipeline = Pipeline(settings, recogniser, tracker, publish=publish, show=states.show, session_id=session_id)
        live = (source,) if isinstance(source, LiveSource) else ()
        health.watch(publisher.worker, *outputs.parts, *recogniser.workers, states.worker, *live)
        stop = stack.enter_context(stop_on_signals(source.close))
        watchdog = stack.enter_context(Watchdog(health=health))

        def watch() -> None:
            watchdog.alive()
            link = recogniser.link
            offline = (link.reason or "it is away") if link.connection == "offline" else ""
            monitor.observe("service", offline, time.monotonic(), time.time())
            monitor.observe("camera", live[0].trouble if live else "", time.monotonic(), time.time())

        def wait_on() -> None:
            pipeline.show_no_frame()
            watch()

        for frame in open_frames(source, wait_on):
            pipeline.step(frame)
            watch()
            if stop.is_set():
                break
        _take_last_predictions(pipeline)
        check_whole(source)
        return pipeline


def play_demo(settings: Settings, with_screen: bool, rounds: int) -> Pipeline:
    """``run_client`` on made hands.

    Raises:
        ModelError: without a model on this machine, which the made hands are fitted to.
    """
    log.info("making hands that the model names: a few seconds")
    recording = made_recording(LocalModel.open(Path(settings.device.model)), settings.trigger, rounds=rounds)
    with tempfile.TemporaryDirectory(prefix="helen-demo-") as scratch:
        path = Path(scratch) / "made.npz"
        write_recording(recording, path)
        capture = settings.capture.model_copy(update={"source": str(path)})
        return run_client(settings.model_copy(update={"capture": capture}), with_screen)


@contextlib.contextmanager
def open_screen(settings: Screen, health: Health) -> Iterator[Callable[[dict[str, Any]], object]]:
    """The local screen in a thread of this process, a part of ``health``; gives what takes a state.

    Raises:
        SourceError: when its port is taken.
    """
    from edge_client.ui.broadcast import Hub
    from edge_client.ui.server import ScreenServer

    hub = Hub()
    with ScreenServer(hub, settings) as server:
        deadline = time.monotonic() + 10
        while not server.started:
            if not server.alive or time.monotonic() > deadline:
                raise SourceError(f"the local screen can't listen on {settings.host}:{settings.port}")
            time.sleep(0.01)
        log.info("local screen: http://%s:%d", settings.host, settings.port)
        health.watch(server)
        yield hub.show


def _take_last_predictions(pipeline: Pipeline) -> None:
    """When a file ends, its last windows may still be under way."""
    deadline = time.monotonic() + LAST_PREDICTIONS_S
    while time.monotonic() < deadline and pipeline.waiting:
        pipeline.take_predictions()
        time.sleep(0.01)
