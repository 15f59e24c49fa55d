"""Signs of people whom a model hasn't seen, read from the public sets for evaluation: windows, labels, who and when.

``asl_tutorials_mit`` (three people), ``ksl13_hands`` (one person, five sessions) and ``dgs_unknown`` (German words,
one recording each, evaluation only) in one folder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from landmarks.files.arrays import ArrayFileError, read_arrays
from landmarks.hands import HANDS, Array, split_hands
from landmarks.models.prototypes import resample_window
from landmarks.recording import RecordingError, Texts, read_labelled_hands
from training.data.windows import DataError

TUTORIALS: Final = "asl_tutorials_mit"
KOREAN: Final = "ksl13_hands"
GERMAN: Final = "dgs_unknown"
MIN_FRAMES: Final = 6
MAX_FRAMES: Final = 30


@dataclass(frozen=True, eq=False)
class RecordedSigns:
    """N windows ``(T, F)`` of one set with their ``label`` and ``group`` ``(N,)``, a person or a session."""

    name: str
    windows: Sequence[Array]
    label: Texts
    group: Texts

    def select(self, chosen: npt.NDArray[np.bool_]) -> "RecordedSigns":
        """The windows where ``chosen`` ``(N,)`` is true."""
        windows = [window for window, each in zip(self.windows, chosen, strict=True) if each]
        return RecordedSigns(self.name, windows, self.label[chosen], self.group[chosen])


def read_signs(root: Path, name: str) -> RecordedSigns:
    """Read one of the three sets; windows without any hand are left out.

    Raises:
        DataError: it isn't there or can't be read.
    """
    files = sorted((root / name).glob("*.npz"))
    if not files:
        raise DataError(f"{root / name} has no .npz file, expected the recordings of {name}")
    windows: list[Array] = []
    labels, groups = [], []
    for file in files:
        try:
            found = read_labelled_hands(file)
            length = read_arrays(file, (), optional=("length",)).get("length")
        except (RecordingError, ArrayFileError) as error:
            raise DataError(str(error)) from error
        lengths = np.full(len(found.hands), found.hands.shape[1]) if length is None else length
        shown = found.hands.any(axis=(1, 2))
        windows += [
            fit_frames(hands[:frames]) for hands, frames in zip(found.hands[shown], lengths[shown], strict=True)
        ]
        labels.append(found.label[shown])
        group = found.session if name == KOREAN else found.signer
        groups.append(np.full(shown.sum(), "unknown") if group is None else group[shown])
    return RecordedSigns(name, windows, np.concatenate(labels), np.concatenate(groups))


def fit_frames(window: Array) -> Array:
    """A recording ``(T, F)`` with at least 6 and at most 30 frames: resampled where it has fewer or more."""
    frames = min(max(len(window), MIN_FRAMES), MAX_FRAMES)
    return window if frames == len(window) else resample_window(window, np.linspace(0, len(window) - 1, frames))


def turn_upside_down(window: Array) -> Array:
    """A window ``(T, F)`` as a camera that hangs upside down sees it: turned by 180°."""
    return _place(window, -1, -1)


def mirror(window: Array) -> Array:
    """A window ``(T, F)`` as a mirrored camera sees it: x runs the other way, the left hand looks like a right one."""
    half = window.shape[-1] // len(HANDS)
    return np.roll(_place(window, -1, 1), half, axis=-1)


def _place(window: Array, x: int, y: int) -> Array:
    hands = split_hands(window).copy()
    present = hands.any(axis=(-2, -1))
    for axis, direction in enumerate((x, y)):
        if direction < 0:
            hands[present, :, axis] = 1 - hands[present, :, axis]
    return hands.reshape(window.shape)
