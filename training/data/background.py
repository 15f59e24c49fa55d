"""Windows of movements that are nobody's gestures, which ship with Helen: what training mixes in as ``none``.

Half of them are for training, and half to tell afterwards how many are taken for a gesture.
"""

from dataclasses import replace

import numpy as np

from landmarks.files.arrays import read_arrays
from landmarks.hands import FEATURE_DIM_XY, Array, drop_z
from landmarks.models.vocabulary import BACKGROUND
from landmarks.recording import NONE
from training.data.frame_rates import stretch
from training.data.windows import Windows

GROUP = "background"


def read_background(*, held_out: bool) -> Array:
    """Half of the background, ``(K, T, 126)`` float32."""
    hands = read_arrays(BACKGROUND, ("hands",))["hands"].astype(np.float32)
    return hands[held_out::2]


def fit_background(windows: Windows, *, held_out: bool) -> Array:
    """Half of the background as windows of the same frames and numbers a frame, ``(K, T, F)``."""
    hands = stretch(read_background(held_out=held_out), windows.points.shape[1])
    return drop_z(hands) if windows.points.shape[-1] == FEATURE_DIM_XY else hands


def mix_in_background(windows: Windows) -> Windows:
    """Windows of hands with half of the background as ``none``, which becomes a label where it wasn't one."""
    points = fit_background(windows, held_out=False)
    class_labels = tuple(sorted({*windows.class_labels, NONE}))
    target = np.searchsorted(class_labels, np.asarray(windows.class_labels)[windows.target])
    none = np.full(len(points), class_labels.index(NONE), dtype=np.int64)
    return replace(
        windows,
        points=np.concatenate([windows.points, points]),
        target=np.concatenate([target.astype(np.int64), none]),
        class_labels=class_labels,
        group=np.concatenate([windows.group, np.full(len(points), GROUP)]),
    )
