"""From an ``/analyze`` body to a checked shot. Knows JSON and poses, nothing of HTTP, batches or rules.

Every failure is an ``InvalidInput`` that names the field, what was found and what was expected.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import msgspec
import numpy as np

from landmarks.pose import Array
from landmarks.protocol.tensors import POSES
from landmarks.shots.assessment import Release
from landmarks.shots.keypoints import (
    POST_MS,
    PRE_MS,
    Frame,
    FramesPerSecond,
    KeypointsError,
    Milliseconds,
    Pixels,
    PoseTrack,
    Seconds,
    ShotWindow,
    build_track,
)
from serve_app.errors import InvalidInput
from serve_app.schemas import Tensors
from serve_app.shots.advice import Language
from serve_app.validation import decode_json

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
    fps: Annotated[
        FramesPerSecond | None, msgspec.Meta(description="gives the times of frames that have no time_sec")
    ] = None
    hand: Annotated[
        Literal["left", "right", "auto"], msgspec.Meta(description="that shoots; auto: it is found in the frames")
    ] = "auto"
    speed: Annotated[
        float,
        msgspec.Meta(gt=0, le=100, description="how many times slower than life the clip plays; times are the clip's"),
    ] = 1.0
    shot: Annotated[int, msgspec.Meta(ge=0, description="which of several shots, counted from 0")] = 0


@dataclass(frozen=True, slots=True)
class ShotRequest:
    """A checked ``/analyze`` body.

    ``track``: its times count from its first frame, which the client has at ``first_frame_s``, and are those of life,
    ``speed`` times as fast as the clip's. ``release_s``: the release on that clock, None where the client leaves it to
    be found. ``hand``: the client's, None where it is to be found. ``number``: which of several shots. ``release``:
    what was found, once it was. ``poses``: the shot model's input float32 ``(T, 33, 3)``, where it takes the shot.
    """

    track: PoseTrack
    first_frame_s: float
    release_s: float | None
    pre_ms: float
    post_ms: float
    language: Language
    hand: Literal["left", "right"] | None = None
    speed: float = 1.0
    number: int = 0
    release: Release | None = None
    poses: Array | None = None

    @property
    def shape(self) -> tuple[object, ...]:
        """What the shots of a batch have in common."""
        return self.track.points.shape, None if self.poses is None else self.poses.shape

    def count_time(self, time_s: float) -> float:
        """A time of the track as the client counts it, in seconds to the millisecond."""
        return round(self.first_frame_s + time_s * self.speed, 3)

    def make_window(self, release: Release) -> ShotWindow:
        """What is analyzed around a release."""
        return ShotWindow(release.time_s, self.pre_ms, self.post_ms)

    def cut_window(self, release: Release) -> PoseTrack:
        """The frames around a release that are analyzed.

        Raises:
            KeypointsError: fewer than 2.
        """
        return self.track.cut(self.make_window(release))


def stack_poses(shots: Sequence[ShotRequest]) -> Tensors | None:
    """The shot model's batch for shots of equal shapes; None where it takes none of them."""
    poses = [shot.poses for shot in shots if shot.poses is not None]
    return {POSES: np.stack(poses)} if poses else None


_decoder = msgspec.json.Decoder(AnalyzeRequest)


def parse_shot(body: bytes, language: Language) -> ShotRequest:
    """Decode and check an ``/analyze`` body.

    Raises:
        InvalidInput: the body isn't such frames.
    """
    request = decode_json(body, _decoder)
    try:
        track = build_track(request.frames, width=request.width, height=request.height, fps=request.fps)
    except KeypointsError as error:
        raise InvalidInput(str(error)) from error
    first_s = float(track.times[0])
    return ShotRequest(
        replace(track, times=(track.times - first_s) / request.speed),
        first_s,
        None if request.release_time_sec is None else (request.release_time_sec - first_s) / request.speed,
        request.pre_ms,
        request.post_ms,
        language,
        None if request.hand == "auto" else request.hand,
        request.speed,
        request.shot,
    )
