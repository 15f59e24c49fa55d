"""Recordings of several frame rates come to one; windows that last longer or shorter are refused by file.

Arithmetic on arrays that ``training.data.recordings`` has read; it opens no file.
"""

import math
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from landmarks.hands import Array
from landmarks.recording import is_as_long
from training.data.skeletons import TWO_HANDS

# What a gesture model takes: the service's clients send partial windows from 6 frames up.
SEQ_LEN: Final = 30
MIN_SEQ_LEN: Final = 6


class FrameRateError(ValueError):
    """Recordings can't be brought to one length; the message names the file, its frames, its rate and its seconds."""


@dataclass(frozen=True)
class RecordedWindows:
    """One file's windows: ``hands`` float32 ``(N, T, 84 | 126)``; ``fps`` is None where the file doesn't say."""

    file: Path
    hands: Array
    label: npt.NDArray[np.str_]
    group: npt.NDArray[np.str_]
    grouped_by: str | None
    fps: float | None

    @property
    def frames(self) -> int:
        return int(self.hands.shape[1])

    def __str__(self) -> str:
        if self.fps is None:
            return f"{self.file} holds windows of {self.frames} frames, and doesn't say at how many a second"
        seconds = self.frames / self.fps
        return f"{self.file} holds windows of {self.frames} frames at {self.fps:.3g} fps, {seconds:.2f} s"


def unify_frame_rates(parts: Sequence[RecordedWindows]) -> list[RecordedWindows]:
    """Bring recordings to the frame rate and length that most windows have; a line says which were resampled.

    A file that doesn't state its rate counts as having that rate. Rates that ``is_as_long`` takes for it are that rate.

    Raises:
        FrameRateError: a file's windows last longer or shorter than the others'.
    """
    rates: Counter[float] = Counter()
    for part in parts:
        if part.fps is not None:
            rates[part.fps] += len(part.hands)
    fps = rates.most_common(1)[0][0] if rates else math.nan  # which no file's rate is compared with then
    lengths: Counter[int] = Counter()
    at_rate = [part for part in parts if _is_rate(part, fps)]
    for part in at_rate:
        lengths[part.frames] += len(part.hands)
    frames = lengths.most_common(1)[0][0]
    model = next(part for part in at_rate if part.frames == frames)
    return [_match(part, model, fps) for part in parts]


def check_length(part: RecordedWindows) -> None:
    """Refuse windows that a gesture model can't take.

    Raises:
        FrameRateError: they have fewer than ``MIN_SEQ_LEN`` or more than ``SEQ_LEN`` frames.
    """
    if not MIN_SEQ_LEN <= part.frames <= SEQ_LEN:
        raise FrameRateError(
            f"{part}; expected {MIN_SEQ_LEN} to {SEQ_LEN} frames, which is what the model takes:"
            f" record windows of at most {SEQ_LEN} (edge_client record --frames {SEQ_LEN})"
        )


def _is_rate(part: RecordedWindows, fps: float) -> bool:
    return part.fps is None or is_as_long(part.fps, fps)


def _match(part: RecordedWindows, model: RecordedWindows, fps: float) -> RecordedWindows:
    if _is_rate(part, fps):
        if part.frames == model.frames:
            return part
        raise FrameRateError(f"{part}, but {model}: expected windows of one length; record or cut them alike")
    wanted = part.frames / (part.fps or fps) * fps
    if not is_as_long(wanted, model.frames):
        raise FrameRateError(f"{part}, but {model}: expected windows of as many seconds; record or cut them alike")
    sys.stderr.write(f"{part}: resampled to {model.frames} frames at {fps:.3g} fps, as {model.file} has them\n")
    return replace(part, hands=stretch(part.hands, model.frames), fps=fps)


def stretch(hands: Array, frames: int) -> Array:
    """Windows ``(N, T, F)`` as float32 ``(N, frames, F)``: the same seconds, first and last frame as they were."""
    count, length, width = hands.shape
    points = torch.from_numpy(hands).reshape(count, length, TWO_HANDS.parts, TWO_HANDS.points, -1)
    times = torch.linspace(0, length - 1, frames).expand(count, -1)
    stretched, presence = resample(points, times)
    out: Array = (stretched * presence[..., None, None]).reshape(count, frames, width).numpy()
    return out


def stretch_each(hands: Array, length: npt.NDArray[np.int64], frames: int) -> Array:
    """As ``stretch``, for windows ``(N, T, F)`` of which only the first ``length`` ``(N,)`` frames count."""
    return np.concatenate([stretch(window[None, :count], frames) for window, count in zip(hands, length, strict=True)])


def resample(points: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
    """Points ``(B, T, parts, N, D)`` at source times ``(B, L)``: linear between two frames that both show the part.

    Where only one of the two frames shows it, the nearer frame decides whether it is there and where.

    Returns:
        Points ``(B, L, parts, N, D)`` and presence ``(B, L, parts)``.
    """
    present = (points != 0).flatten(3).any(dim=-1)
    before = times.floor().long().clamp(max=points.shape[1] - 1)
    after = (before + 1).clamp(max=points.shape[1] - 1)
    rows = torch.arange(len(points))[:, None]
    share = (times - before)[..., None, None, None]
    nearest = torch.where(times - before < 0.5, before, after)
    between = (present[rows, before] & present[rows, after])[..., None, None]
    blended = points[rows, before] * (1 - share) + points[rows, after] * share
    return torch.where(between, blended, points[rows, nearest]), present[rows, nearest].to(points.dtype)
