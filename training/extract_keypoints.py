"""A person's pose in every frame of a video: video to keypoints file.

    python -m training.extract_keypoints --video_path shot.mp4 --output_path shot.json --stride 1

MediaPipe Pose "full" (complexity 1) with its smoothing, which its video mode turns on. A frame without a person gets
its 33 keypoints with visibility 0. Many videos at once are ``batch_extract.py``.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm  # type: ignore[import-untyped]

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from landmarks.assets import AssetError
from landmarks.keypoint_files import write_track
from landmarks.keypoints import PoseTrack
from landmarks.pose import POSE_POINTS
from landmarks.trackers import PoseTracker
from training.videos import Overlay, VideoError, VideoFile


class NobodyError(Exception):
    """No frame of a video shows a person; the message says which video."""


def extract(video: Path, *, stride: int = 1, overlay: Path | None = None, progress: bool = False) -> PoseTrack:
    """The pose in every ``stride``-th frame.

    Args:
        video: the file.
        stride: 1 takes every frame.
        overlay: an MP4 to draw the skeleton into.
        progress: show a progress bar on stderr.

    Raises:
        VideoError: the video can't be read or the overlay not written.
        AssetError: MediaPipe's pose model was not fetched.
        NobodyError: no person is found.
    """
    points, times, indices = [], [], []
    nobody = np.zeros((POSE_POINTS, 3), dtype=np.float32)
    size = (0, 0)
    with PoseTracker() as tracker, VideoFile(video) as file:
        drawing = Overlay(overlay, (file.fps or 30.0) / stride) if overlay else None
        bar = tqdm(total=-(-file.count // stride) or None, unit=" frames", desc=video.name, disable=not progress)
        try:
            for frame in file.frames(stride):
                size = (frame.image.shape[1], frame.image.shape[0])
                found = tracker.detect(frame.image[..., ::-1], round(frame.time_s * 1000))
                pose = None if found is None else found[:, [0, 1, 3]]
                points.append(nobody if pose is None else pose)
                times.append(frame.time_s)
                indices.append(frame.index)
                if drawing:
                    drawing.write(frame.image, pose)
                bar.update()
        finally:
            bar.close()
            if drawing:
                drawing.close()
        fps = file.fps
    stacked = np.stack(points)
    if not stacked[..., 2].any():
        raise NobodyError(f"{video} shows no person in any of {len(points)} frames, expected one in most of them")
    return PoseTrack(stacked, np.array(times), tuple(indices), *size, fps, video.name)


def frames_with_a_person(track: PoseTrack) -> int:
    """In how many frames a person was found."""
    return int(track.points[..., 2].any(axis=1).sum())


def positive(text: str) -> int:
    """A whole number above 0, for argparse."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} found, expected a whole number above 0")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line; ends with code 1 and one sentence where it can't be done."""
    parser = argparse.ArgumentParser(
        prog="python -m training.extract_keypoints", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--video_path", type=Path, required=True)
    parser.add_argument("--output_path", type=Path, required=True, help="the keypoints file, .json")
    parser.add_argument("--stride", type=positive, default=1, help="take every n-th frame (default 1)")
    parser.add_argument("--overlay", type=Path, metavar="OUT.mp4", help="also draw the skeleton into this video")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    try:
        track = extract(options.video_path, stride=options.stride, overlay=options.overlay, progress=True)
        write_track(track, options.output_path)
    except (VideoError, AssetError, NobodyError) as error:
        sys.exit(f"extract_keypoints: {error}")
    except OSError as error:
        sys.exit(f"extract_keypoints: {options.output_path} can't be written: {error.strerror or error}")
    seconds = time.perf_counter() - started
    count = len(track.times)
    sys.stdout.write(
        f"{options.output_path}: a person in {frames_with_a_person(track)} of {count} frames"
        f" ({frames_with_a_person(track) / count:.1%}), {seconds:.1f} s, {count / seconds:.1f} frames/s\n"
    )


if __name__ == "__main__":
    main()
