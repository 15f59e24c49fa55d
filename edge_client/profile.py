"""Milliseconds a frame of each stage, on a video or recording, as fast as this machine can.

Only measures: the frames go through the same pipeline as in ``run``, and the windows to the service or to this
machine's model, whichever is there.
"""

import resource
import time

import numpy as np

from edge_client.capture.hand_tracker import open_tracker
from edge_client.capture.sources import check_whole, open_source
from edge_client.pipeline import Pipeline
from edge_client.recognition.recogniser import open_recogniser
from edge_client.settings import Settings
from edge_client.ui.state_publisher import StatePublisher


def measure_stages(settings: Settings) -> str:
    """A table of milliseconds a frame, median and 95th percentile, and the memory that was resident at most."""
    source = open_source(settings.capture)
    reading: list[float] = []
    started = time.perf_counter()
    with (
        open_tracker(settings.tracking, source) as tracker,
        open_recogniser(settings) as recogniser,
        StatePublisher(lambda _: None, lambda: recogniser.link, settings.screen.rate, "bench") as states,
    ):
        pipeline = Pipeline(settings, recogniser, tracker, publish=lambda _: None, show=states.show)
        before = time.perf_counter()
        for frame in source.frames():
            reading.append((time.perf_counter() - before) * 1e3)
            pipeline.step(frame)
            before = time.perf_counter()
    took_s = time.perf_counter() - started
    source.close()
    check_whole(source)
    rows = {"read and decode": np.array(reading)}
    rows |= {name: np.array(times) for name, times in pipeline.times.stages.items()}
    rows["own (all but read and tracker)"] = pipeline.times.own_ms()
    lines = ["| stage | median ms | 95 % ms |", "|---|---|---|"]
    lines += [
        f"| {name} | {np.median(times):.3f} | {np.percentile(times, 95):.3f} |"
        for name, times in rows.items()
        if len(times)
    ]
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return "\n".join(lines) + (
        f"\n\n{pipeline.frames} frames in {took_s:.1f} s: {pipeline.frames / took_s:.0f} fps; a hand in "
        f"{pipeline.frames_with_hand / max(pipeline.frames, 1):.1%}; at most {resident:.0f} MiB resident"
    )
