"""Poses of a whole folder of videos, several at a time: videos to keypoints files.

    python -m training.batch_extract --videos_dir videos --output_dir keypoints --workers 4

Each video is a process of ``extract_keypoints.py``, so that one that crashes the decoder takes nothing with it. What is
there already is left alone: run it again to go on where it was stopped. Files that aren't videos are named, and videos
that are cut off, of which the beginning is extracted.
"""

import subprocess
import sys
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from landmarks.files.atomic import check_writable
from landmarks.files.video_length import describe_missing_frames
from landmarks.shots.keypoint_files import read_track
from landmarks.shots.keypoints import KeypointsError
from landmarks.tracking.vision_libraries import TRAINING, LibraryError, check_libraries, import_library
from training.command_line import make_parser, whole_number
from training.video.files import VideoError, VideoFile

VIDEO_SUFFIXES: Final = (
    *(".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".3gp"),
    *(".gif", ".wmv", ".flv", ".ts", ".mts", ".m2ts", ".ogv"),
)
NAMED_AT_MOST: Final = 20
PREFIX: Final = "extract_keypoints: "
ROOT: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Extraction:
    """How one video went: ``problem`` says why it was not extracted, ``damage`` why only its beginning was."""

    problem: str = ""
    damage: str = ""


def output_paths(videos_dir: Path, output_dir: Path) -> dict[Path, Path]:
    """Each video below a folder and its keypoints file, at the same place below the other.

    ``a/shot.mp4`` becomes ``a/shot.json``; where two videos differ in their ending alone, ``a/shot.mp4.json``.
    """
    videos = [path for path in list_files(videos_dir) if path.suffix.lower() in VIDEO_SUFFIXES]
    stems = [path.with_suffix("") for path in videos]
    names = {
        path: f"{path.name}.json" if stems.count(stem) > 1 else f"{path.stem}.json"
        for path, stem in zip(videos, stems, strict=True)
    }
    return {path: output_dir / path.parent.relative_to(videos_dir) / name for path, name in names.items()}


def list_files(folder: Path) -> list[Path]:
    """All files below a folder but the hidden ones, which systems leave beside videos."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def list_skipped(videos_dir: Path, output_dir: Path) -> list[Path]:
    """The files below a folder that aren't taken for videos, without what extraction itself wrote there."""
    others = [path for path in list_files(videos_dir) if path.suffix.lower() not in VIDEO_SUFFIXES]
    return [path for path in others if not (path.suffix == ".json" and path.is_relative_to(output_dir))]


def find_damage(video: Path, output: Path) -> str:
    """How much of a video is missing in its keypoints file; empty where nothing is, or where that can't be said."""
    try:
        indices = read_track(output).indices
        with VideoFile(video) as file:
            promised = file.count
    except (KeypointsError, VideoError):
        return ""
    stride = indices[-1] - indices[-2] if len(indices) > 1 else promised
    missing = describe_missing_frames(indices[-1] + stride, promised)
    return f"{video}: {missing}" if missing else ""


def extract_all(outputs: dict[Path, Path], workers: int) -> Generator[Extraction, None, None]:
    """Extract videos to files; yields each as it is done. Whoever stops early waits for those under way alone."""
    pool = ThreadPoolExecutor(max_workers=workers)
    try:
        for done in as_completed([pool.submit(extract_one, *files) for files in outputs.items()]):
            yield done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def extract_one(video: Path, output: Path) -> Extraction:
    """Extract one video in a process of its own."""
    command = [sys.executable, "-m", "training.extract_keypoints"]
    command += ["--video_path", str(video.resolve()), "--output_path", str(output.resolve())]
    # Our own module and paths from the file system, without a shell.
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    messages = [line.removeprefix(PREFIX) for line in child.stderr.splitlines() if line.startswith(PREFIX)]
    if child.returncode == 0:
        return Extraction()
    if child.returncode == 1 and messages and output.exists():
        return Extraction(damage=messages[-1])
    if child.returncode == 1 and messages:
        return Extraction(problem=messages[-1])
    return Extraction(problem=f"{video} ended the extraction with code {child.returncode}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line; ends with code 1 where a video could not be extracted, or not to its end, after all the others."""
    parser = make_parser("batch_extract", __doc__)
    parser.add_argument("--videos_dir", type=Path, required=True)
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--workers", type=whole_number(1), default=4, help="videos at the same time (default 4)")
    options = parser.parse_args(arguments)
    if not options.videos_dir.is_dir():
        sys.exit(f"batch_extract: {options.videos_dir} is not there, expected a folder of videos")
    outputs = output_paths(options.videos_dir, options.output_dir)
    if not outputs:
        sys.exit(f"batch_extract: {options.videos_dir} holds no video, expected files ending in {VIDEO_SUFFIXES}")
    try:
        check_libraries(("mediapipe", "cv2", "tqdm"), TRAINING)
        check_writable(options.output_dir / "keypoints.json")
    except LibraryError as error:
        sys.exit(f"batch_extract: {error}")
    except OSError as error:
        sys.exit(f"batch_extract: {options.output_dir} can't be written: {error.strerror or error}")
    skipped = list_skipped(options.videos_dir, options.output_dir)
    for path in skipped[:NAMED_AT_MOST]:
        sys.stderr.write(f"batch_extract: {path} is skipped: it ends in none of the video endings\n")
    wanted = {video: output for video, output in outputs.items() if not output.exists()}
    there = len(outputs) - len(wanted)
    damages = [damage for video in outputs.keys() - wanted.keys() if (damage := find_damage(video, outputs[video]))]
    for damage in sorted(damages):
        sys.stderr.write(f"batch_extract: {damage}\n")
    try:
        extractions = _extract_with_progress(wanted, there, options.workers)
    except KeyboardInterrupt:
        sys.exit(130)
    failed = sum(bool(extraction.problem) for extraction in extractions)
    cut_off = sum(bool(extraction.damage) for extraction in extractions)
    counts = [f"{len(wanted) - failed - cut_off} extracted", f"{there - len(damages)} there already"]
    cut_off += len(damages)
    counts += [f"{failed} failed", *([f"{cut_off} cut off"] if cut_off else [])]
    counts += [f"{len(skipped)} skipped"] if skipped else []
    sys.stdout.write(", ".join(counts) + "\n")
    if failed or cut_off:
        sys.exit(1)


def _extract_with_progress(wanted: dict[Path, Path], there: int, workers: int) -> list[Extraction]:
    """Extract what is wanted, with a bar that counts what is ``there`` too."""
    extractions = []
    tqdm: Any = import_library("tqdm", TRAINING)
    with tqdm.tqdm(total=there + len(wanted), initial=there, unit=" videos") as bar:
        for extraction in extract_all(wanted, workers):
            extractions.append(extraction)
            if message := extraction.problem or extraction.damage:
                bar.write(f"batch_extract: {message}", file=sys.stderr)
            bar.update()
    return extractions


if __name__ == "__main__":
    main()
