"""The part of a keypoints file around the release: keypoints file to window file, ready to be labelled.

    python -m training.prepare_windows --input_json shot.json --output_json window.json --release_time_sec 2.4

Without ``--release_time_sec`` the release is found, by the rule in ``landmarks.shots.release``.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from landmarks.shots.keypoint_files import LabelledWindow, check_output, read_labelled, write_labelled
from landmarks.shots.keypoints import POST_MS, PRE_MS, KeypointsError, PoseTrack, ShotWindow
from landmarks.shots.kinematics import MotionError, compute_image_motion
from landmarks.shots.release import ShotError, find_release
from landmarks.shots.shooting_hand import find_shooting_hand
from training.command_line import make_parser, number

seconds: Final = number(0, 1_000_000, "seconds")
milliseconds: Final = number(0, 60_000, "milliseconds")


def find_window_release(track: PoseTrack) -> float:
    """When the ball leaves the hand, in seconds.

    Raises:
        MotionError: too few frames, or too many seconds.
        ShotError: there is no shot.
    """
    motion = compute_image_motion(track)
    return find_release(motion, find_shooting_hand(motion))[1]


def prepare(whole: LabelledWindow, *, release_s: float | None, pre_ms: float, post_ms: float) -> LabelledWindow:
    """Cut the window; times stay those of the video, labels and targets those of the input.

    Raises:
        KeypointsError: fewer than 2 frames lie in it.
        MotionError: as ``find_window_release``.
        ShotError: as ``find_window_release``.
    """
    release = find_window_release(whole.track) if release_s is None else release_s
    window = ShotWindow(round(release, 6), pre_ms, post_ms)
    return LabelledWindow(whole.track.cut(window), window, whole.labels, whole.targets)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line; ends with code 1 and one sentence where it can't be done."""
    parser = make_parser("prepare_windows", __doc__)
    parser.add_argument("--input_json", type=Path, required=True)
    parser.add_argument("--output_json", type=Path, required=True)
    parser.add_argument("--release_time_sec", type=seconds, help="when the ball leaves the hand; found when not given")
    parser.add_argument("--pre_ms", type=milliseconds, default=PRE_MS, help="kept before the release (default 500)")
    parser.add_argument("--post_ms", type=milliseconds, default=POST_MS, help="kept after it (default 200)")
    options = parser.parse_args(arguments)
    try:
        whole = read_labelled(options.input_json)
        cut = prepare(whole, release_s=options.release_time_sec, pre_ms=options.pre_ms, post_ms=options.post_ms)
        if options.output_json.resolve() == options.input_json.resolve():
            raise KeypointsError(f"{options.output_json} is the input too, and its other frames would be lost")
        check_output(options.output_json, cut)
        write_labelled(cut, options.output_json)
    except KeypointsError as error:
        sys.exit(f"prepare_windows: {error}")
    except (MotionError, ShotError) as error:
        sys.exit(f"prepare_windows: {options.input_json}: {error}; give --release_time_sec")
    except OSError as error:
        sys.exit(f"prepare_windows: {options.output_json} can't be written: {error.strerror or error}")
    found = "found" if options.release_time_sec is None else "given"
    release = cut.window.release_time_sec if cut.window else 0.0
    sys.stdout.write(f"{options.output_json}: {len(cut.track.times)} frames, release at {release:.3f} s ({found})\n")


if __name__ == "__main__":
    main()
