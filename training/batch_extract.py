"""Poses of a whole folder of videos, several at a time: videos to keypoints files.

    python -m training.batch_extract --videos_dir videos --output_dir keypoints --workers 4

Each video is a process of ``extract_keypoints.py``, so that one that crashes the decoder takes nothing with it. What is
there already is left alone: run it again to go on where it was stopped.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Final

from tqdm import tqdm  # type: ignore[import-untyped]

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from training.extract_keypoints import positive

VIDEO_SUFFIXES: Final = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".3gp")
ROOT: Final = Path(__file__).resolve().parent.parent


def outputs_of(videos_dir: Path, output_dir: Path) -> dict[Path, Path]:
    """Each video below a folder and its keypoints file, at the same place below the other.

    ``a/shot.mp4`` becomes ``a/shot.json``; where two videos differ in their ending alone, ``a/shot.mp4.json``.
    """
    videos = sorted(path for path in videos_dir.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file())
    stems = [path.with_suffix("") for path in videos]
    names = {
        path: f"{path.name}.json" if stems.count(stem) > 1 else f"{path.stem}.json"
        for path, stem in zip(videos, stems, strict=True)
    }
    return {path: output_dir / path.parent.relative_to(videos_dir) / name for path, name in names.items()}


def extract_all(outputs: dict[Path, Path], workers: int) -> Iterator[tuple[Path, str | None]]:
    """Extract videos to files; yields each video as it is done, with what went wrong or None."""
    with ThreadPoolExecutor(max_workers=workers) as pool:
        running = {pool.submit(extract_one, video, output): video for video, output in outputs.items()}
        for done in as_completed(running):
            yield running[done], done.result()


def extract_one(video: Path, output: Path) -> str | None:
    """Extract one video in a process of its own; the sentence that says why not, or None."""
    command = [sys.executable, "-m", "training.extract_keypoints"]
    command += ["--video_path", str(video.resolve()), "--output_path", str(output.resolve())]
    # Our own module and paths from the file system, without a shell.
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if child.returncode == 0:
        return None
    lines = child.stderr.strip().splitlines()
    said = lines[-1].removeprefix("extract_keypoints: ") if child.returncode == 1 and lines else ""
    return said or f"{video} ended the extraction with code {child.returncode}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line; ends with code 1 where a video could not be extracted, after all the others."""
    parser = argparse.ArgumentParser(
        prog="python -m training.batch_extract", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--videos_dir", type=Path, required=True)
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--workers", type=positive, default=4, help="videos at the same time (default 4)")
    options = parser.parse_args(arguments)
    if not options.videos_dir.is_dir():
        sys.exit(f"batch_extract: {options.videos_dir} is not there, expected a folder of videos")
    outputs = outputs_of(options.videos_dir, options.output_dir)
    if not outputs:
        sys.exit(f"batch_extract: {options.videos_dir} holds no video, expected files ending in {VIDEO_SUFFIXES}")
    wanted = {video: output for video, output in outputs.items() if not output.exists()}
    failed = []
    with tqdm(total=len(outputs), initial=len(outputs) - len(wanted), unit=" videos") as bar:
        for video, problem in extract_all(wanted, options.workers):
            if problem:
                failed.append(video)
                bar.write(f"batch_extract: {problem}", file=sys.stderr)
            bar.update()
    there = len(outputs) - len(wanted)
    sys.stdout.write(f"{len(wanted) - len(failed)} extracted, {there} there already, {len(failed)} failed\n")
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
