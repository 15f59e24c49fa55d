"""From an ``/analyze`` body to checked arrays. Knows JSON and poses, nothing of HTTP, batches or rules.

Every refusal is an ``InvalidInput`` whose sentence names the field, what was found and what was expected.
"""

import math
from typing import Annotated

import msgspec
import numpy as np

from landmarks.shots.keypoints import (
    POST_MS,
    PRE_MS,
    Frame,
    KeypointsError,
    Milliseconds,
    Pixels,
    PoseTrack,
    Seconds,
    ShotWindow,
    build_track,
)
from serve_app.errors import InvalidInput
from serve_app.gestures.request import decode
from serve_app.schemas import Tensors
from serve_app.shots.advice import LANGUAGES, Language

MAX_FRAMES = 3600


class AnalyzeRequest(msgspec.Struct):
    """The body of ``POST /analyze``: a keypoints file fits, its other fields are ignored.

    ``width`` and ``height`` of the video make its pixels square; without them they are taken as square already.
    """

    frames: Annotated[list[Frame], msgspec.Meta(max_length=MAX_FRAMES)]
    release_time_sec: Annotated[
        Seconds | None,
        msgspec.Meta(description="when the ball leaves the hand; left out, it is found in the frames"),
    ] = None
    pre_ms: Annotated[Milliseconds, msgspec.Meta(description="analysed before the release")] = PRE_MS
    post_ms: Annotated[Milliseconds, msgspec.Meta(description="analysed after it")] = POST_MS
    width: Pixels | None = None
    height: Pixels | None = None


_decoder = msgspec.json.Decoder(AnalyzeRequest)


def shot_tensors(body: bytes, language: Language) -> Tensors:
    """Decode and check an ``/analyze`` body.

    Returns:
        ``points`` float32 ``(T, 33, 3)``, ``times`` float32 ``(T,)`` in seconds after the first frame, and ``request``
        float32 ``(7,)``: the first frame's time in whole seconds and the rest of it, width over height, release in
        seconds after the first frame (NaN when it has to be found), ``pre_ms``, ``post_ms``, and the language's place
        in ``LANGUAGES``.

    Raises:
        InvalidInput: the body isn't such frames.
    """
    request = decode(body, _decoder)
    try:
        track = build_track(request.frames, width=request.width, height=request.height)
    except KeypointsError as error:
        raise InvalidInput(str(error)) from error
    first = float(track.times[0])
    release = math.nan if request.release_time_sec is None else request.release_time_sec - first
    # In two numbers, since one float32 of a clock's seconds would be wrong by half a second.
    clock = [math.floor(first), first - math.floor(first)]
    known = [*clock, track.aspect, release, request.pre_ms, request.post_ms, LANGUAGES.index(language)]
    return {
        "points": track.points,
        "times": (track.times - first).astype(np.float32),
        "request": np.array(known, dtype=np.float32),
    }


def parse_track(item: Tensors) -> PoseTrack:
    """The frames of one item of ``shot_tensors``; its times count from the first frame."""
    aspect = float(item["request"][2])
    times = item["times"].astype(np.float64)
    # The track's width and height are only ever divided.
    width, height = max(1, round(aspect * 100_000)), 100_000
    return PoseTrack(item["points"], times, tuple(range(len(times))), width, height)


def parse_window(item: Tensors, release: float) -> ShotWindow:
    """The window of one item around a release in seconds after the first frame."""
    return ShotWindow(release, float(item["request"][4]), float(item["request"][5]))
