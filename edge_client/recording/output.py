"""The file that ``record`` adds to: checked before the first window, and nothing lost after the last.

What can't go into the file goes beside it under a name of its own. The format is ``landmarks/recording.py``.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Final

from landmarks.files.atomic import check_writable
from landmarks.hands import FEATURE_DIM_XYZ
from landmarks.recording import Recording, RecordingError, is_as_long, join_recordings, read_recording, write_recording

SUFFIX: Final = ".npz"
FRAME_BYTES: Final = FEATURE_DIM_XYZ * 4
# Room for what a long sitting by keys may bring; the timer's windows are counted instead.
LEAST_WINDOWS: Final = 100


def check_output(output: Path, frames: int, windows: int | None) -> float | None:
    """Check that ``windows`` windows of ``frames`` frames (None: until someone ends it) can be added to ``output``.

    Makes its folder. Gives the frames a second of what is there already, None for a new file.

    Raises:
        RecordingError: it is no recording, has windows of another length, or can't be written.
    """
    if output.suffix != SUFFIX:
        raise RecordingError(f"{output} found as output, expected a name that ends in {SUFFIX}")
    try:
        check_writable(output)
        free = get_free_bytes(output.parent)
    except OSError as error:
        raise RecordingError(f"{output} can't be written: {error.strerror or error}") from error
    there = read_recording(output) if output.exists() else None
    needed = (windows or LEAST_WINDOWS) * frames * FRAME_BYTES + (there.hands.nbytes if there else 0)
    if free < needed:
        raise RecordingError(
            f"{output.parent} has {free // 1000} kB free, expected at least {-(-needed // 1000)} kB for this recording"
        )
    if there is None:
        return None
    if there.hands.shape[1] != frames:
        raise RecordingError(
            f"{output} has windows of {there.hands.shape[1]} frames, found --frames {frames}: expected "
            f"--frames {there.hands.shape[1]}, or another file"
        )
    return there.fps


def get_free_bytes(folder: Path) -> int:
    """Bytes that may still be written to the disk of ``folder``."""
    return shutil.disk_usage(folder).free


def save_recording(recording: Recording, output: Path) -> str:
    """Add windows to ``output``; where that can't be done, write them beside it, or else where temporary files go.

    Gives the sentence that says where they are, and why where it isn't ``output``.

    Raises:
        RecordingError: they can't be written anywhere.
    """
    count = f"{len(recording.hands)} windows"
    there = None
    try:
        there = read_recording(output) if output.exists() else None
        write_recording(join_recordings(there, recording) if there else recording, output)
    except (RecordingError, OSError) as error:
        reason = f"{output} can't be written: {error.strerror or error}" if isinstance(error, OSError) else str(error)
    else:
        return f"{count} written to {output}"
    for folder in (output.parent, Path(tempfile.gettempdir())):
        beside = _free_name(folder / output.name)
        try:
            write_recording(recording, beside)
        except OSError as error:
            reason += f"; {beside} can't be written: {error.strerror or error}"
            continue
        if folder == output.parent:
            then = _describe_both(recording, there, beside, output)
            return f"{count} written to {beside}, not to {output}: {reason}{then}"
        return f"{count} written to {beside}, not to {output}: {reason}. Move it before this machine is shut down"
    raise RecordingError(f"{count} are lost: {reason}")


def describe_training(output: Path, frames: int, rate: float, fps: float) -> str:
    """What training does with ``output``, of ``rate`` frames a second, and windows of ``fps`` beside it."""
    if is_as_long(fps, rate) and is_as_long(rate, fps):
        return f"training takes both from {output.parent}"
    return f"training refuses both in one folder, whose windows last {frames / rate:.2f} s and {frames / fps:.2f} s"


def _describe_both(recording: Recording, there: Recording | None, beside: Path, output: Path) -> str:
    """The end of the sentence that says that a file lies beside another."""
    if there is None:
        return f". Training refuses {output.parent} as long as {output.name} is in it" if output.exists() else ""
    said = describe_training(output, recording.hands.shape[1], there.fps, recording.fps)
    return f". {said[0].upper()}{said[1:]}" + ("" if "refuses" not in said else f": move {beside.name} away")


def _free_name(path: Path) -> Path:
    """``path``, or ``name-2``, ``name-3``, ... where that is taken."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free
