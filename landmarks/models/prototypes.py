"""PrototypeHead: which of a person's own gestures an embedded window shows, or none of them.

Every recording is embedded as several views, so that partial, slower and faster windows have a neighbour. The nearest
prototype names the gesture. What also looks like a background of nobody's gestures must be nearer, and a limit says how
near is near enough. NumPy alone: the service, the Pi and the tools run the same code. Files: ``vocabulary_files.py``.

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

BACKGROUND_SHARE: Final = 0.35  # of the likeness to the background that a likeness is lessened by
# The limit of a gesture with one recording is a line over how near the base's background lies to itself, which tells
# how near one sign comes to another by chance. Each doubling adds: of more prototypes the nearest is nearer.
NEIGHBOUR: Final = 5
LIMIT_LINE: Final = (0.035, 0.65)
LIMIT_PER_DOUBLING: Final = 0.014
SCALE: Final = 0.02
MARGIN: Final = 4.0  # the logit of a recording that is shown again, at least


@dataclass(frozen=True, slots=True, eq=False)
class PrototypeHead:
    """G gestures: ``prototypes`` float32 ``(P, E)`` unit vectors, ``owner`` ``(P,)`` the gesture of each.

    The owner G is nobody: the background. ``limits`` float32 ``(G,)`` are the least likenesses, ``scale`` is the
    likeness that one unit of logit stands for.
    """

    prototypes: Array
    owner: Indices
    limits: Array
    scale: float

    def compute_likeness(self, embedding: Array) -> Array:
        """How much like each gesture embedded windows ``(B, E)`` are, ``(B, G)``.

        The cosine to its nearest prototype, less a share of the cosine to the nearest of the background.
        """
        cosines = embedding @ self.prototypes.T
        nearest = find_nearest(cosines, self.owner, len(self.limits))
        nobody = self.owner == len(self.limits)
        if nobody.any():
            nearest -= BACKGROUND_SHARE * cosines[:, nobody].max(axis=1, keepdims=True)
        return nearest

    def compute_logits(self, embedding: Array) -> Array:
        """Logits ``(B, G)`` of embedded windows ``(B, E)``, on a scale on which "no gesture" has the logit 0."""
        logits: Array = ((self.compute_likeness(embedding) - self.limits) / self.scale).astype(np.float32)
        return logits


def build_head(
    recordings: Sequence[Array], target: Indices, embed: Embed, background: Array, limit: float
) -> PrototypeHead:
    """Teach gestures from recordings, without training.

    Args:
        recordings: N windows ``(T, F)`` as the model's card asks for them.
        target: which gesture each shows, ``(N,)``, counted from 0; every gesture has at least one.
        embed: the model.
        background: embedded windows ``(K, E)`` that show none of the gestures.
        limit: of a gesture with one recording (``compute_limit``).
    """
    views, recording = embed_views(recordings, embed)
    return limit_prototypes(views, target[recording], recording, background, limit)


def embed_views(recordings: Sequence[Array], embed: Embed) -> tuple[Array, Indices]:
    """Every view of every recording as unit vectors ``(V, E)``, and which recording each is of, ``(V,)``."""
    views = [make_views(recording) for recording in recordings]
    flat = [view for each in views for view in each]
    return embed_windows(flat, embed), np.repeat(np.arange(len(views)), [len(each) for each in views])


def compute_limit(background: Array) -> float:
    """The limit of a gesture with one recording, from embedded windows ``(K, E)`` of nobody's gestures.

    Some 5 % of the signs that nobody taught are nearer. The line was fitted over eight embeddings
    (``training.evaluate_strangers``); with fewer than six windows it is that of the farthest neighbour there is.
    """
    cosines = np.sort(background @ background.T, axis=1)  # the last is each window's own
    neighbour = cosines[:, max(0, cosines.shape[1] - 1 - NEIGHBOUR)].mean()
    return float(LIMIT_LINE[0] + LIMIT_LINE[1] * neighbour)


def limit_prototypes(
    views: Array, owner: Indices, recording: Indices, background: Array, limit: float
) -> PrototypeHead:
    """The head of embedded views ``(V, E)``, whose gestures and recordings are ``(V,)``, and a background ``(K, E)``.

    A limit depends on the base and the number of a gesture's recordings: what recordings of one sitting are to each
    other says little of another day. It is lower where a recording that is shown again would not be recognised, as over
    a base that takes everything for nearly the same.
    """
    gestures = int(owner.max()) + 1
    counts = np.array([len(np.unique(recording[owner == gesture])) for gesture in range(gestures)])
    itself = 1 - BACKGROUND_SHARE * (views @ background.T).max(axis=1, initial=0)
    highest = [np.median(itself[owner == gesture]) - MARGIN * SCALE for gesture in range(gestures)]
    limits = np.minimum(limit + LIMIT_PER_DOUBLING * np.log2(counts), highest).astype(np.float32)
    nobody = np.full(len(background), gestures, np.int64)
    return PrototypeHead(np.concatenate([views, background]), np.concatenate([owner, nobody]), limits, SCALE)


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
