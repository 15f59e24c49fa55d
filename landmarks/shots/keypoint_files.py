"""The keypoints and labelled-window JSON files: read, check, write. The contract's format, letter for letter.

Extraction writes them, the page labels them, training reads them; ``keypoints.py`` checks their frames.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from landmarks.files.atomic import check_writable, replace_file
from landmarks.shots.keypoints import (
    SHOT_LABELS,
    SHOT_TARGETS,
    TARGET_RANGES,
    Frame,
    FramesPerSecond,
    KeypointsError,
    Pixels,
    PoseTrack,
    ShotWindow,
    build_track,
    list_frames,
)

MAX_FILE_BYTES: Final = 256 * 1024 * 1024


class _File(msgspec.Struct, kw_only=True):
    version: Literal[1]
    source_video: str = ""
    width: Pixels | None = None
    height: Pixels | None = None
    fps: FramesPerSecond | None = None
    frames: list[Frame]
    window: ShotWindow | None = None
    labels: list[str] | dict[str, Any] | None = None
    targets: dict[str, Any] | None = None


@dataclass(frozen=True)
class LabelledWindow:
    """A window and its annotations by a person or the generator; each is None where it is missing.

    ``labels`` has the labels of which someone said whether they hold.
    """

    track: PoseTrack
    window: ShotWindow | None = None
    labels: dict[str, bool] | None = None
    targets: dict[str, float] = field(default_factory=dict)


def read_track(path: Path) -> PoseTrack:
    """Read a keypoints file, labelled or not.

    Raises:
        KeypointsError: as ``read_labelled``.
    """
    return read_labelled(path).track


def read_labelled(path: Path) -> LabelledWindow:
    """Read a keypoints or labelled-window file.

    ``labels`` may be a list of the names that hold, or ``{name: bool}``, also with 0 and 1, where a name that is left
    out is unknown; ``targets`` may say ``delays_ms`` for
    ``delay_ms``, and null where there is none.

    Raises:
        KeypointsError: the file can't be read, isn't such a file, or as ``build_track``.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise KeypointsError(f"{path} has {size} bytes, expected at most {MAX_FILE_BYTES}")
        decoded = msgspec.json.decode(path.read_bytes(), type=_File)
        track = build_track(
            decoded.frames,
            width=decoded.width,
            height=decoded.height,
            fps=decoded.fps,
            source_video=decoded.source_video,
        )
        labels = None if decoded.labels is None else _parse_labels(decoded.labels)
        return LabelledWindow(track, decoded.window, labels, _parse_targets(decoded.targets or {}))
    except OSError as error:
        raise KeypointsError(f"{path} can't be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise KeypointsError(f"{path} is not a keypoints file: {error}") from error
    except KeypointsError as error:
        raise error if str(error).startswith(str(path)) else KeypointsError(f"{path}: {error}") from error


def check_output(path: Path, labelled: LabelledWindow | None = None) -> None:
    """Check that ``path`` can be written, and that ``labelled`` (None: a track without labels) may replace it.

    Only a keypoints file without labels and targets, or with the same ones, is replaced.

    Raises:
        KeypointsError: it is another kind of file, or holds annotations of a person.
        OSError: it can't be written.
    """
    check_writable(path)
    if not path.exists():
        return
    try:
        there = read_labelled(path)
    except KeypointsError as error:
        raise KeypointsError(f"{path} is there and would be lost: {error}; name another output") from error
    labels, targets = (labelled.labels, labelled.targets) if labelled else (None, {})
    if (there.labels is not None and there.labels != labels) or (there.targets and there.targets != targets):
        raise KeypointsError(
            f"{path} is there, and its labels or targets would be lost: name another output, or delete it"
        )


def write_track(track: PoseTrack, path: Path) -> None:
    """Write a keypoints file atomically. x and y are clipped to the image."""
    _write(_header(track), path)


def write_labelled(labelled: LabelledWindow, path: Path) -> None:
    """Write a labelled window: the keypoints file's fields, then ``window``, ``labels`` and ``targets``.

    Missing annotations are left out. ``labels`` are names, or ``{name: bool}`` where some are unknown.
    """
    content = _header(labelled.track)
    if labelled.window is not None:
        content["window"] = labelled.window
    if labelled.labels is not None:
        names = [name for name in SHOT_LABELS if labelled.labels.get(name)]
        content["labels"] = names if len(labelled.labels) == len(SHOT_LABELS) else labelled.labels
    if labelled.targets:
        content["targets"] = labelled.targets
    _write(content, path)


def _header(track: PoseTrack) -> dict[str, Any]:
    known = {"width": track.width, "height": track.height, "fps": track.fps}
    head = {"version": 1, "source_video": track.source_video}
    return head | {name: value for name, value in known.items() if value is not None} | {"frames": list_frames(track)}


def _write(content: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as file:
        file.write(msgspec.json.encode(content) + b"\n")


def _parse_labels(labels: list[str] | dict[str, Any]) -> dict[str, bool] | None:
    unknown = [name for name in labels if name not in SHOT_LABELS]
    if unknown:
        raise KeypointsError(f"labels has {unknown[0][:60]!r}, expected only {', '.join(SHOT_LABELS)}")
    if isinstance(labels, dict):
        for name, value in labels.items():
            if value not in (0, 1):  # true and false are 1 and 0
                raise KeypointsError(f"labels.{name} is {_shown(value)}, expected true or false (or 1 or 0)")
        return {name: bool(labels[name]) for name in SHOT_LABELS if name in labels} or None
    return {name: name in labels for name in SHOT_LABELS}


def _parse_targets(targets: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for key, value in targets.items():
        name = "delay_ms" if key == "delays_ms" else key
        if name not in SHOT_TARGETS:
            raise KeypointsError(f"targets has {key[:60]!r}, expected only {', '.join(SHOT_TARGETS)}")
        if value is None:
            continue
        low, high = TARGET_RANGES[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise KeypointsError(f"targets.{key} is {_shown(value)}, expected a number from {low:g} to {high:g}")
        if found.setdefault(name, float(value)) != value:
            raise KeypointsError(
                f"targets has delay_ms and delays_ms, {found[name]:g} and {value:g}: expected one of them"
            )
    return found


def _shown(value: Any) -> str:
    """A value as JSON has it, cut short."""
    return msgspec.json.encode(value).decode()[:60]
