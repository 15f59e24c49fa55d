"""PrototypeHead: which of a person's own gestures an embedded window shows, or none of them.

Every recording is embedded as several views, so that partial, slower and faster windows have a neighbour. The nearest
prototype names the gesture; a limit for each gesture says how near is near enough. NumPy alone: the service, the Pi and
the tools run the same code. Files are ``vocabulary.py``.

After Snell, Swersky, Zemel: Prototypical Networks for Few-shot Learning, 2017, with every view as a prototype.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from landmarks.hands import HANDS, Array, compute_presence

Indices = npt.NDArray[np.int64]
# Windows of one length, sequence (B, T, F) and presence (B, T, 2), as unit vectors (B, E).
Embed = Callable[[Array, Array], Array]

BATCH: Final = 32
MIN_FRAMES: Final = 6
SHARE: Final = 0.6  # of a recording, in a partial view
SPEEDS: Final = (1 / 1.5, 1.5, 2.0)
REST_FRAMES: Final = 6

IMPOSTOR_QUANTILE: Final = 0.99
BETWEEN: Final = 0.35  # where a limit lies between the impostors and the recordings
LOWEST_LIMIT: Final = 0.4
HIGHEST_LIMIT: Final = 0.7
USUAL_LIKENESS: Final = 0.8  # of two recordings of a gesture, where there is only one
SURE: Final = 5.0  # the logit of a window that is as near as the recordings are to each other
SCALES: Final = (0.01, 0.06)


@dataclass(frozen=True, slots=True, eq=False)
class PrototypeHead:
    """G gestures: ``prototypes`` float32 ``(P, E)`` unit vectors, ``owner`` ``(P,)`` the gesture of each.

    ``limits`` float32 ``(G,)`` are the least cosines, ``scale`` is the cosine that one unit of logit stands for.
    """

    prototypes: Array
    owner: Indices
    limits: Array
    scale: float

    def compute_likeness(self, embedding: Array) -> Array:
        """The cosine between embedded windows ``(B, E)`` and each gesture's nearest prototype, ``(B, G)``."""
        return find_nearest(embedding @ self.prototypes.T, self.owner, len(self.limits))

    def compute_logits(self, embedding: Array) -> Array:
        """Logits ``(B, G)`` of embedded windows ``(B, E)``, on a scale on which "no gesture" has the logit 0."""
        logits: Array = ((self.compute_likeness(embedding) - self.limits) / self.scale).astype(np.float32)
        return logits


def build_head(recordings: Sequence[Array], target: Indices, embed: Embed, background: Array) -> PrototypeHead:
    """Teach gestures from recordings, without training.

    Args:
        recordings: N windows ``(T, F)`` as the model's card asks for them.
        target: which gesture each shows, ``(N,)``, counted from 0; every gesture has at least one.
        embed: the model.
        background: embedded windows ``(K, E)`` that show none of the gestures.
    """
    views, recording = embed_views(recordings, embed)
    return limit_prototypes(views, target[recording], recording, background)


def embed_views(recordings: Sequence[Array], embed: Embed) -> tuple[Array, Indices]:
    """Every view of every recording as unit vectors ``(V, E)``, and which recording each is of, ``(V,)``."""
    views = [make_views(recording) for recording in recordings]
    flat = [view for each in views for view in each]
    return embed_windows(flat, embed), np.repeat(np.arange(len(views)), [len(each) for each in views])


def limit_prototypes(views: Array, owner: Indices, recording: Indices, background: Array) -> PrototypeHead:
    """The head of embedded views ``(V, E)``, whose gestures and recordings are ``(V,)``, and a background ``(K, E)``.

    A gesture's limit lies between the nearest impostors (background and the other gestures) and what its recordings
    are to each other, one of them left out at a time.
    """
    gestures = int(owner.max()) + 1
    likeness = views @ views.T
    impostors = find_nearest(background @ views.T, owner, gestures)
    limits, typical = np.empty(gestures, np.float32), np.empty(gestures, np.float32)
    for gesture in range(gestures):
        mine = owner == gesture
        another = likeness[mine][:, mine]
        another = np.where(recording[mine][:, None] == recording[mine], -1, another).max(axis=1)
        another = another[another > -1]
        typical[gesture] = np.median(another) if len(another) else USUAL_LIKENESS
        low = np.quantile(impostors[:, gesture], IMPOSTOR_QUANTILE)
        limits[gesture] = np.clip(low + BETWEEN * (typical[gesture] - low), LOWEST_LIMIT, HIGHEST_LIMIT)
    scale = float(np.clip(np.median(typical - limits) / SURE, *SCALES))
    return PrototypeHead(views, owner, limits, scale)


def find_nearest(likeness: Array, owner: Indices, gestures: int) -> Array:
    """The largest of each gesture's columns: ``(B, P)`` with the owners ``(P,)`` of its columns to ``(B, G)``."""
    columns = [likeness[:, owner == gesture].max(axis=1) for gesture in range(gestures)]
    nearest: Array = np.stack(columns, axis=1)
    return nearest


def make_views(window: Array) -> list[Array]:
    """What a live client may see of a recording ``(T, F)``: all, a part, at other speeds, or after a rest.

    Each view is ``(T', F)`` with 6 to T frames.
    """
    frames = len(window)
    part = max(MIN_FRAMES, round(SHARE * frames))
    starts = dict.fromkeys((0, (frames - part) // 2, frames - part))
    views = [window, *(window[start : start + part] for start in starts)]
    steps = np.arange(frames, dtype=np.float64) - (frames - 1) / 2
    views += [resample_window(window, (frames - 1) / 2 + steps * speed) for speed in SPEEDS]
    rest = min(REST_FRAMES, frames - MIN_FRAMES)
    views.append(np.concatenate([np.repeat(window[:1], rest, axis=0), window[: frames - rest]]))
    return views


def resample_window(window: Array, times: npt.NDArray[np.float64]) -> Array:
    """A window ``(T, F)`` at other times, counted in frames and held at both ends.

    Linear where a hand is present in both neighbours, else the nearer one.
    """
    times = np.clip(times, 0, len(window) - 1)
    before = np.floor(times).astype(np.int64)
    after = np.minimum(before + 1, len(window) - 1)
    share = (times - before)[:, None, None]
    hands = window.reshape(len(window), len(HANDS), -1)
    present = compute_presence(window) > 0
    both = (present[before] & present[after])[..., None]
    blended = hands[before] * (1 - share) + hands[after] * share
    resampled = np.where(both, blended, np.where(share < 0.5, hands[before], hands[after]))
    return np.asarray(resampled.reshape(len(times), -1), dtype=np.float32)


def embed_windows(windows: Sequence[Array], embed: Embed) -> Array:
    """Windows of any lengths ``(T, F)`` as unit vectors ``(N, E)``, in batches of windows of one length."""
    by_length: dict[int, list[int]] = {}
    for index, window in enumerate(windows):
        by_length.setdefault(len(window), []).append(index)
    found: dict[int, Array] = {}
    for indices in by_length.values():
        for at in range(0, len(indices), BATCH):
            chosen = indices[at : at + BATCH]
            batch = np.stack([windows[index] for index in chosen]).astype(np.float32)
            found.update(zip(chosen, embed(batch, compute_presence(batch)), strict=True))
    return np.stack([found[index] for index in range(len(windows))])
