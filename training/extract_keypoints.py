"""A person's pose in every frame of a video: video to keypoints file.

    python -m training.extract_keypoints --video_path shot.mp4 --output_path shot.json --stride 1

MediaPipe Pose "full" (complexity 1) with its smoothing, which its video mode turns on. A frame without a person gets
its 33 keypoints with visibility 0. Many videos at once are ``batch_extract.py``.
"""

import itertools
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from landmarks.pose import POSE_POINTS
from landmarks.shots.keypoint_files import check_output, write_track
from landmarks.shots.keypoints import KeypointsError, PoseTrack
from landmarks.tracking.assets import AssetError
from landmarks.tracking.mediapipe import PoseTracker
from landmarks.tracking.vision_libraries import TRAINING, LibraryError, check_libraries, import_library
from training.command_line import make_parser, whole_number
from training.video.files import Overlay, VideoError, VideoFile


class NobodyError(Exception):
    """No frame of a video shows a person; the message says which video."""


def extract(
    video: Path, *, stride: int = 1, overlay: Path | None = None, progress: bool = False
) -> tuple[PoseTrack, str]:
    """The pose in every ``stride``-th frame, and what is wrong: the video cut off, the overlay not written, or nothing.

    Args:
        video: the file.
        stride: 1 takes every frame.
        overlay: an MP4 to draw the skeleton into.
        progress: show a progress bar on stderr.

    Raises:
        VideoError: the video can't be read.
        AssetError: MediaPipe's pose model was not fetched.
        LibraryError: MediaPipe, OpenCV or tqdm is missing.
        NobodyError: no person is found.
    """
    points, times, indices = [], [], []
    nobody = np.zeros((POSE_POINTS, 3), dtype=np.float32)
    size = (0, 0)
    tqdm: Any = import_library("tqdm", TRAINING)
    with PoseTracker() as tracker, VideoFile(video) as file:
        drawing = Overlay(overlay, (file.fps or 30.0) / stride) if overlay else None
        bar = tqdm.tqdm(total=-(-file.count // stride) or None, unit=" frames", desc=video.name, disable=not progress)
        with drawing or nullcontext(), bar:
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
    stacked = np.stack(points)
    if not stacked[..., 2].any():
        raise NobodyError(f"{video} shows no person in any of {len(points)} frames, expected one in most of them")
    problems = [file.damage, drawing.problem if drawing else ""]
    track = PoseTrack(stacked, np.array(times), tuple(indices), *size, file.fps, video.name)
    return track, "; ".join(problem for problem in problems if problem)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line; ends with code 1 and one sentence where it can't be done, or was done in part."""
    parser = make_parser("extract_keypoints", __doc__)
    parser.add_argument("--video_path", type=Path, required=True)
    parser.add_argument("--output_path", type=Path, required=True, help="the keypoints file, .json")
    parser.add_argument("--stride", type=whole_number(1), default=1, help="take every n-th frame (default 1)")
    parser.add_argument("--overlay", type=Path, metavar="OUT.mp4", help="also draw the skeleton into this video")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    try:
        check_libraries(("mediapipe", "cv2", "tqdm"), TRAINING)
        _check_paths(options.video_path, options.output_path, options.overlay)
        track, problem = extract(options.video_path, stride=options.stride, overlay=options.overlay, progress=True)
        write_track(track, options.output_path)
    except (VideoError, AssetError, NobodyError, LibraryError, KeypointsError) as error:
        sys.exit(f"extract_keypoints: {error}")
    except OSError as error:
        sys.exit(f"extract_keypoints: {options.output_path} can't be written: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit(130)
    seconds = time.perf_counter() - started
    count = len(track.times)
    seen = int(track.points[..., 2].any(axis=1).sum())
    sys.stdout.write(
        f"{options.output_path}: a person in {seen} of {count} frames ({seen / count:.1%}),"
        f" {seconds:.1f} s, {count / seconds:.1f} frames/s\n"
    )
    if problem:
        sys.exit(f"extract_keypoints: {problem}")


def _check_paths(video: Path, output: Path, overlay: Path | None) -> None:
    """Refuse what would write over the video, or over what someone made by hand, before the work begins."""
    named = {"--video_path": video, "--output_path": output} | ({"--overlay": overlay} if overlay else {})
    for (flag, path), (other_flag, other) in itertools.combinations(named.items(), 2):
        if path.resolve() == other.resolve():
            raise VideoError(f"{flag} and {other_flag} are both {path}, expected files of their own")
    check_output(output)


if __name__ == "__main__":
    main()
