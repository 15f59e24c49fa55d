"""MediaPipe Tasks hands and pose behind one small interface: an RGB frame and its time in, landmarks out.

The only module that uses MediaPipe, which is loaded with the first tracker. Landmarks are as the tracker returned them:
left/right over time and smoothing are in ``hand_identity.py``.
"""

import signal
import threading
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from landmarks.hands import Array
from landmarks.tracking.assets import HAND_LANDMARKER, POSE_LANDMARKER, Asset, find_asset
from landmarks.tracking.hand_identity import SeenHand, Side
from landmarks.tracking.vision_libraries import EDGE, TRAINING, LibraryError, import_library

Image = npt.NDArray[np.uint8]


def survive_profiling() -> None:
    """Ignore ``SIGPROF`` where nobody handles it.

    When its threads stall, as on a machine with too much to do, MediaPipe's library profiles itself for a moment. The
    timer's last signal can come when its handler is gone, and would then end the process ("Profiling timer expired").
    """
    in_main_thread = threading.current_thread() is threading.main_thread()  # Python sets dispositions there only
    if in_main_thread and signal.getsignal(signal.SIGPROF) == signal.SIG_DFL:
        signal.signal(signal.SIGPROF, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF})  # the threads that MediaPipe starts from here inherit it


class _VideoTracker:
    """What both trackers share: a landmarker in VIDEO mode, times that must increase, and closing it."""

    def __init__(
        self, kind: Literal["Hand", "Pose"], asset: Asset, requirements: str, *, count: int, confidence: float
    ) -> None:
        """Load MediaPipe, which ``requirements`` install, and create the landmarker for ``count`` of its ``kind``.

        Raises:
            AssetError: when the landmarker's file was not fetched.
            LibraryError: MediaPipe is missing or can't be started here.
        """
        survive_profiling()
        tasks: Any = import_library("mediapipe.tasks.python", requirements)
        self._mediapipe: Any = import_library("mediapipe", requirements)
        vision, thing = tasks.vision, kind.lower()
        options = getattr(vision, f"{kind}LandmarkerOptions")(
            base_options=tasks.BaseOptions(model_asset_path=str(find_asset(asset))),
            running_mode=vision.RunningMode.VIDEO,
            min_tracking_confidence=confidence,
            **{
                f"num_{thing}s": count,
                f"min_{thing}_detection_confidence": confidence,
                f"min_{thing}_presence_confidence": confidence,
            },
        )
        try:
            self._landmarker = getattr(vision, f"{kind}Landmarker").create_from_options(options)
        except (OSError, RuntimeError) as error:
            raise LibraryError(
                f"MediaPipe can't be started ({error}): on Debian, sudo apt-get install -y libegl1 libgles2"
            ) from error
        self._time_ms = -1

    def _detect(self, image: Image, time_ms: int) -> Any:
        # VIDEO mode wants times that increase; two frames of one millisecond, or a source that started anew, mustn't
        # end the session.
        self._time_ms = max(time_ms, self._time_ms + 1)
        mediapipe = self._mediapipe
        frame = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        return self._landmarker.detect_for_video(frame, self._time_ms)

    def close(self) -> None:
        """Free the graph; MediaPipe reports an error at exit when it is left open."""
        self._landmarker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class HandTracker(_VideoTracker):
    """Up to two hands a frame. Frames must not be mirrored: a side is the person's own hand."""

    def __init__(self, *, confidence: float = 0.5) -> None:
        """Load ``hand_landmarker.task``, fetched and checked; raises as ``_VideoTracker``."""
        super().__init__("Hand", HAND_LANDMARKER, EDGE, count=2, confidence=confidence)

    def detect(self, image: Image, time_ms: int) -> list[SeenHand]:
        """Find the hands of an RGB frame ``(H, W, 3)`` uint8 taken ``time_ms`` after the start."""
        found = self._detect(image, time_ms)
        hands = []
        for points, handedness in zip(found.hand_landmarks, found.handedness, strict=True):
            side: Side = "left" if handedness[0].category_name == "Left" else "right"
            hands.append(SeenHand(_points(points), side, float(handedness[0].score)))
        return hands


class PoseTracker(_VideoTracker):
    """One person's 33 points a frame (MediaPipe Pose "full")."""

    def __init__(self, *, confidence: float = 0.5) -> None:
        """Load ``pose_landmarker_full.task``, fetched and checked; raises as ``_VideoTracker``."""
        super().__init__("Pose", POSE_LANDMARKER, TRAINING, count=1, confidence=confidence)

    def detect(self, image: Image, time_ms: int) -> Array | None:
        """Points ``(33, 4)`` float32: x, y in 0..1 of the image, z, and visibility 0..1; ``None`` without a person."""
        found = self._detect(image, time_ms)
        if not found.pose_landmarks:
            return None
        points = found.pose_landmarks[0]
        visibility = np.array([[point.visibility or 0.0] for point in points], dtype=np.float32)
        return np.concatenate([_points(points), visibility], axis=1)


def _points(landmarks: Any) -> Array:
    return np.array([(point.x, point.y, point.z) for point in landmarks], dtype=np.float32)
