"""The client as a process: everything built from the settings, run until the source ends or someone stops it.

``cli.py`` calls it for ``run`` and ``replay``. The parts are put together in ``pipeline.py``.
"""

import contextlib
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from edge_client.capture.sources import (
    Frame,
    LiveSource,
    RecordingSource,
    Source,
    SourceError,
    check_whole,
    open_source,
    throttle_to_realtime,
)
from edge_client.pipeline import Pipeline, Tracker
from edge_client.publisher import Event, Publisher
from edge_client.recognition.local_model import LocalModel
from edge_client.recognition.recogniser import AsyncRecogniser
from edge_client.runtime.stop_signals import stop_on_signals
from edge_client.runtime.systemd import Watchdog
from edge_client.runtime.worker import Health
from edge_client.service.http_client import ServiceClient
from edge_client.service.stream_client import StreamClient
from edge_client.settings import Settings
from edge_client.ui.state_publisher import ScreenClient, StatePublisher
from landmarks.models.card import ModelError
from landmarks.recording import write_recording

log = logging.getLogger(__name__)

LAST_ANSWERS_S = 2.0


def open_local_model(settings: Settings) -> LocalModel | None:
    """The model on this machine, or ``None``, and the log says why."""
    if not settings.device.model:
        return None
    try:
        return LocalModel.open(Path(settings.device.model))
    except ModelError as error:
        log.warning("no model on this machine, so no answers while the service is away: %s", error)
        return None


def open_recogniser(settings: Settings) -> AsyncRecogniser:
    """The service and this machine's model behind one door. Live windows aren't retried: the next one is on its way."""
    cloud = msgspec.structs.replace(settings.cloud, retries=0)
    service = StreamClient(cloud) if cloud.transport == "stream" else ServiceClient(cloud)
    return AsyncRecogniser(service, open_local_model(settings), settings.device, settings.cloud.timeout)


@contextlib.contextmanager
def open_tracker(settings: Settings, source: Source) -> Iterator[Tracker | None]:
    """MediaPipe for a source of pictures; nothing for a recording, which has its hands already."""
    if isinstance(source, RecordingSource):
        yield None
        return
    from landmarks.tracking.mediapipe import HandTracker

    with HandTracker(confidence=settings.tracking.confidence) as tracker:
        yield tracker


def open_frames(source: Source) -> Iterator[Frame]:
    """A source's frames in real time: a file at its own pace, a camera as it comes."""
    frames = source.frames()
    return frames if isinstance(source, LiveSource) else throttle_to_realtime(frames)


def run_client(settings: Settings, *, with_screen: bool, printed: bool) -> Pipeline:
    """Run until the source ends or SIGINT or SIGTERM comes; gives the pipeline for its counts and times.

    ``with_screen`` starts the local screen in this process, otherwise one may run at the publishing URL.
    ``printed`` writes each event to the log.
    """
    source = open_source(settings.capture)
    health = Health()
    with contextlib.ExitStack() as stack:
        stack.callback(source.close)
        show = (
            stack.enter_context(open_screen(settings, health)) if with_screen else ScreenClient(_origin(settings)).show
        )
        publisher = stack.enter_context(Publisher(settings.publish))
        live = stack.enter_context(open_recogniser(settings))
        tracker = stack.enter_context(open_tracker(settings, source))

        def publish(event: Event) -> None:
            publisher.publish(event)
            if printed:
                log.info("%s %.2f (%s, %.0f ms)", event.gesture, event.score, event.source, event.latency_ms)

        pipeline = Pipeline(settings, live, tracker, publish=publish)
        feed = StatePublisher(show, lambda: live.link, settings.screen.rate, pipeline.session_id, health)
        pipeline.show = stack.enter_context(feed).show
        health.watch(publisher.worker, *live.workers, feed.worker)
        stop = stack.enter_context(stop_on_signals(source))
        watchdog = stack.enter_context(Watchdog(health=health))
        for frame in open_frames(source):
            pipeline.step(frame)
            watchdog.alive()
            if stop.is_set():
                break
        _take_last_answers(pipeline)
        check_whole(source)
        return pipeline


def play_demo(settings: Settings, *, with_screen: bool, rounds: int) -> Pipeline:
    """``run_client`` on made hands.

    Raises:
        ModelError: without a model on this machine, which the made hands are fitted to.
    """
    from edge_client.demo import made_recording

    log.info("making hands that the model names: a few seconds")
    recording = made_recording(LocalModel.open(Path(settings.device.model)), settings.trigger, rounds=rounds)
    with tempfile.TemporaryDirectory(prefix="helen-demo-") as scratch:
        path = Path(scratch) / "made.npz"
        write_recording(recording, path)
        capture = msgspec.structs.replace(settings.capture, source=str(path))
        return run_client(msgspec.structs.replace(settings, capture=capture), with_screen=with_screen, printed=True)


@contextlib.contextmanager
def open_screen(settings: Settings, health: Health) -> Iterator[Callable[[dict[str, Any]], object]]:
    """The local screen in a thread of this process, a part of ``health``; gives what takes a state.

    Raises:
        SourceError: when its port is taken.
    """
    from edge_client.ui.broadcast import Hub
    from edge_client.ui.server import ScreenServer

    hub = Hub()
    with ScreenServer(hub, settings.screen.host, settings.screen.port, names=settings.screen.hosts) as server:
        deadline = time.monotonic() + 10
        while not server.started:
            if server.failed or time.monotonic() > deadline:
                raise SourceError(f"the local screen can't listen on {settings.screen.host}:{settings.screen.port}")
            time.sleep(0.01)
        log.info("local screen: http://%s:%d", settings.screen.host, settings.screen.port)
        health.watch(ServedScreen(lambda: server.failed))
        yield hub.show


@dataclass(frozen=True, slots=True)
class ServedScreen:
    """The local screen's server as a part of the client's health."""

    failed: Callable[[], bool]

    @property
    def alive(self) -> bool:
        return not self.failed()

    @property
    def trouble(self) -> str:
        return "the local screen has ended" if self.failed() else ""


def _take_last_answers(pipeline: Pipeline) -> None:
    """When a file ends, its last windows may still be under way."""
    deadline = time.monotonic() + LAST_ANSWERS_S
    while time.monotonic() < deadline and pipeline.waiting_for_answers:
        pipeline.take_answers()
        time.sleep(0.01)


def _origin(settings: Settings) -> str:
    parts = urlsplit(settings.publish.url)
    return f"{parts.scheme}://{parts.netloc}"
