"""What one part of the client hands to the next, in the order of the signal: window, prediction, event, states to show.

Data only. Frames are in ``capture/frames.py``.
"""

from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from landmarks.hands import Array, drop_z, hand_box_normalise
from landmarks.models.card import Normalization

FEWEST_FRAMES: Final = 6

AnsweredBy = Literal["cloud", "device"]
Hand = Literal["left", "right", "both"]
LessonPhase = Literal["get_ready", "now", "seen", "missed"]
Advice = Literal["turn_camera"]
Connection = Literal["connecting", "online", "offline"]


@dataclass(frozen=True, slots=True)
class WindowStats:
    """What a window says about hands.

    ``episode`` counts the times that hands came into view; ``frames`` is T; ``complete`` says that the hands have left
    and the window is all that was signed. ``presence`` is the share of frames with
    a hand, ``motion`` the fastest frame in image widths a 1/30 s, ``area`` the mean over frames with a hand of both
    hands' crops together, as a share of the image.
    """

    episode: int
    frames: int
    presence: float
    motion: float
    area: float
    complete: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """``hands`` float32 ``(T, 126)`` and ``presence`` float32 ``(T, 2)`` as of ``time_s``, with their statistics.

    ``frame`` is the number of the last of the T frames, counted without gaps within an episode; ``None`` for a window
    that stands alone.
    """

    hands: Array
    presence: Array
    stats: WindowStats
    time_s: float
    frame: int | None = None

    @property
    def hand(self) -> Hand:
        """Which hand it shows; one that is there for less than half as long as the other doesn't count."""
        left, right = self.presence.sum(axis=0).tolist()
        if 2 * left < right:
            return "right"
        return "left" if 2 * right < left else "both"


@dataclass(frozen=True, slots=True)
class WindowShape:
    """What the model takes: lengths, whether with z, and how prepared. From its metadata, never assumed."""

    seq_len: int
    min_seq_len: int
    use_z: bool
    normalization: Normalization

    @property
    def first_frames(self) -> int:
        """Frames from which on a partial window is worth asking: ``max(6, seq_len // 2)``, within the model's own."""
        return min(max(FEWEST_FRAMES, self.seq_len // 2, self.min_seq_len), self.seq_len)

    def prepare(self, hands: Array) -> Array:
        """Turn raw hands ``(T, 126)`` into the ``(T, F)`` that the model takes."""
        sequence = hands if self.use_z else drop_z(hands)
        return hand_box_normalise(sequence) if self.normalization == "hand_box" else sequence


@dataclass(frozen=True, slots=True, eq=False)
class WindowPrediction:
    """``probabilities`` float32, one for each of ``labels``, for ``window``, whoever gave them.

    ``took_ms`` is the time from asking to having it.
    """

    window: Window
    labels: tuple[str, ...]
    probabilities: Array
    source: AnsweredBy
    took_ms: float
    model_version: str


@dataclass(frozen=True, slots=True)
class SmoothedPrediction:
    """The mean of the last predictions: its best label, with probability, margin over the second, entropy (nats)."""

    label: str
    probability: float
    margin: float
    entropy: float


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One gesture that happened, as it is published.

    ``character`` is the label and ``key`` what the settings map it to; ``sequence`` counts the session's events from 1;
    ``latency_ms`` is from the capture of the deciding frame to the decision; ``timestamp`` is Unix time in seconds;
    ``hand`` is which hand the deciding window shows.
    """

    gesture: str
    character: str
    key: str
    score: float
    session_id: str
    sequence: int
    latency_ms: float
    timestamp: float
    source: AnsweredBy
    hand: Hand


@dataclass(frozen=True, slots=True)
class LinkState:
    """The link to the service as the local screen shows it."""

    connection: Connection = "connecting"
    reason: str = ""
    round_trip_ms: float | None = None
    has_local_model: bool = False
    same_model: bool | None = None


class LessonState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a lesson is: recording ``number`` of ``count`` of a gesture.

    ``seconds`` are left of the countdown in the phase ``get_ready``; ``progress`` is the share of the window that is
    recorded in ``now``; ``seen`` and ``missed`` say whether the recording just made shows a hand.
    """

    gesture: str
    phase: LessonPhase
    number: int
    count: int
    seconds: int = 0
    progress: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class FrameState:
    """What the screen may show after a frame: smoothed hands ``(2, 21, 3)``, what is known of them, what to change."""

    hands: Array
    aspect: float | None
    prediction: WindowPrediction | None
    smoothed: SmoothedPrediction | None
    active_gesture: str | None
    fps: float
    lesson: LessonState | None = None
    advice: Advice | None = None
