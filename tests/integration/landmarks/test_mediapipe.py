"""MediaPipe on real videos. Skipped where MediaPipe, its model files or the videos aren't there."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from landmarks.tracking.assets import HAND_LANDMARKER, POSE_LANDMARKER, Asset, AssetError, find_asset
from landmarks.tracking.hand_identity import HandednessTracker

pytest.importorskip("mediapipe", reason="MediaPipe is not installed here: see edge_client/README.md")
cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed here: see edge_client/README.md")


def asset_or_skip(asset: Asset) -> Path:
    try:
        return find_asset(asset)
    except AssetError as error:
        pytest.skip(str(error))


def list_frames(path: Path, limit: int = 10**6) -> Iterator[Any]:
    video = cv2.VideoCapture(str(path))
    for _ in range(limit):
        there, image = video.read()
        if not there:
            break
        yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    video.release()


@pytest.mark.parametrize(("name", "least"), [("one_hand_gesturing.mp4", 0.95), ("one_hand_square.mp4", 0.90)])
def test_a_hand_is_found_and_keeps_its_side(data_dir: Path, name: str, least: float) -> None:
    from landmarks.tracking.mediapipe import HandTracker

    asset_or_skip(HAND_LANDMARKER)
    tracks, found, sides = HandednessTracker(), 0, set()
    with HandTracker() as tracker:
        total = 0
        for total, image in enumerate(list_frames(data_dir / "videos" / name), start=1):
            raw, _ = tracks.update(tracker.detect(image, total * 33))
            found += bool(raw.any())
            sides |= {side for side in (0, 1) if raw[side].any()}
    assert found / total >= least
    assert sides == {1}


def test_a_late_signal_of_the_profiler_does_not_end_the_process() -> None:
    program = """
import os, signal
from landmarks.tracking.mediapipe import survive_profiling
survive_profiling()
os.kill(os.getpid(), signal.SIGPROF)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
print("alive")
"""
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (child.returncode, child.stdout) == (0, "alive\n"), child.stderr


def test_times_that_stand_still_do_not_end_the_session(data_dir: Path) -> None:
    from landmarks.tracking.mediapipe import HandTracker

    asset_or_skip(HAND_LANDMARKER)
    with HandTracker() as tracker:
        hands = [
            tracker.detect(image, 5) for image in list_frames(data_dir / "videos" / "one_hand_gesturing.mp4", limit=4)
        ]
    assert all(hands)


def test_a_body_is_found(data_dir: Path) -> None:
    from landmarks.tracking.mediapipe import PoseTracker

    asset_or_skip(POSE_LANDMARKER)
    with PoseTracker() as tracker:
        poses = [
            tracker.detect(image, index * 33)
            for index, image in enumerate(list_frames(data_dir / "videos" / "signer_upper_body.mp4", limit=10))
        ]
    assert all(pose is not None and pose.shape == (33, 4) for pose in poses)
