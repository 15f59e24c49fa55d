"""Made windows that are no gesture: hands held up in the shape of a sign without making it.

A network learns a word by the shape of its hands alone where nothing else has that shape, and then gives every still
hand, and every unknown sign that begins like it, to that word. Called by training only; nothing here is exported.
"""

from typing import Final

import numpy as np
import torch
from torch import Tensor

from landmarks.recording import NONE
from training.data.windows import Windows

# Labels whose windows move less than this, in hand sizes a frame, are themselves still, as most spelled letters are.
# Of the words and letters that this was looked up on, the still ones have up to 0.05, the moving ones from 0.08 up.
STILL_BELOW: Final = 0.06


# With fewer signs, a hand held still is mostly the beginning or end of one of them.
FEWEST_LABELS: Final = 8


def explain_no_static_negatives(windows: Windows) -> str:
    """Why no hand held still is taught as ``none``; empty where it is."""
    signs = [label for label in (*windows.class_labels, *windows.other_labels) if label != NONE]
    if NONE not in windows.class_labels:
        return f"there is no label {NONE}"
    if len(signs) < FEWEST_LABELS:
        return f"{len(signs)} signs are too few, expected {FEWEST_LABELS}"
    if static := find_static_labels(windows):
        return f"{', '.join(static)} are hands held still themselves"
    return ""


def make_static_windows(
    sequence: Tensor, presence: Tensor, noise: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Windows ``(B, T, width)`` in which one moment of each lasts all the time, but for ``noise`` in every coordinate.

    The moment is one at which a part is present, where there is such; presence ``(B, T, parts)`` is held too.
    """
    batch, length, width = sequence.shape
    parts = presence.shape[-1]
    moment = torch.multinomial(presence.amax(dim=-1) + 1e-6, 1, generator=generator)[:, 0]
    windows = torch.arange(batch)
    static_presence = presence[windows, moment][:, None].expand_as(presence)
    static = sequence[windows, moment][:, None] + noise * torch.randn(batch, length, width, generator=generator)
    static = static.reshape(batch, length, parts, width // parts) * static_presence[..., None]
    return static.flatten(2), static_presence


def find_static_labels(windows: Windows) -> tuple[str, ...]:
    """The labels half of whose windows hardly move; a window that shows nothing is left out."""
    layout, presence = windows.layout, windows.presence
    points = windows.points.reshape(*windows.points.shape[:2], layout.parts, layout.points, -1)[..., : layout.dims]
    shape = points - points.mean(axis=3, keepdims=True)
    size = np.sqrt((shape**2).sum(axis=(-2, -1)) / layout.points)
    scale = (size * presence).sum(axis=(1, 2)) / np.maximum(1.0, presence.sum(axis=(1, 2)))
    both = presence[:, 1:] * presence[:, :-1]
    steps = np.linalg.norm(np.diff(points, axis=1), axis=-1).mean(axis=-1)
    pairs = both.sum(axis=(1, 2))
    moved = (steps * both).sum(axis=(1, 2)) / np.maximum(1e-9, pairs * scale)
    shown = pairs > 0
    still = [
        label
        for index, label in enumerate(windows.class_labels)
        if (mine := shown & (windows.target == index)).any() and np.median(moved[mine]) < STILL_BELOW
    ]
    return tuple(still)
