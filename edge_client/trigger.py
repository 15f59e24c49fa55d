"""When a gesture happened: a state machine from answered windows to at most one event a gesture.

Pure: it reads no clock, does no I/O and starts no thread. ``pipeline.py`` gives it each answered window, in the order
of capture, whoever answered it; what the network did in between changes nothing but the moment of the event.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_client.settings import Thresholds
from edge_client.windows import WindowStats
from landmarks.hands import Array


@dataclass(frozen=True, slots=True)
class Gesture:
    """A gesture started: its label, the mean probability that convinced, and the time of its window."""

    label: str
    score: float
    time_s: float


@dataclass(frozen=True, slots=True)
class SmoothedPrediction:
    """What the last outputs say together: their best label, its probability, margin over the second, entropy (nats)."""

    label: str
    probability: float
    margin: float
    entropy: float


class HysteresisThreshold:
    """Hysteresis: opens at ``on`` or above, closes below ``off``, and stays as it was in between."""

    def __init__(self, on: float, off: float) -> None:
        self._on = on
        self._off = off
        self.open = False

    def update(self, value: float) -> bool:
        self.open = value >= (self._off if self.open else self._on)
        return self.open


class Trigger:
    """Answered windows in, gestures out.

    A gesture starts when a hand is present, near and moving, the mean of the last outputs is sure (probability,
    margin, entropy), and the last outputs agree on its label, or, from ``early`` on, fewer of them do. It then lasts,
    and makes no second event, until the mean falls under the lower thresholds, the hands leave, or another gesture
    starts. When the hands leave, the outputs for the complete sign decide alone.
    """

    def __init__(self, thresholds: Thresholds, labels: Sequence[str]) -> None:
        self._thresholds = thresholds
        self._labels = tuple(labels)
        self._outputs: deque[Array] = deque(maxlen=thresholds.mean_of)
        self._present = HysteresisThreshold(thresholds.presence_on, thresholds.presence_off)
        self._near = HysteresisThreshold(thresholds.area_on, thresholds.area_off)
        self._moving = HysteresisThreshold(thresholds.motion_on, thresholds.motion_off)
        self._episode = 0
        self._complete = False
        self._voted: int | None = None
        self._votes = 0
        self._lasting: str | None = None
        self._last_event_s = -np.inf

    @property
    def active_gesture(self) -> str | None:
        """The gesture that started and has not ended."""
        return self._lasting

    def observe(
        self, stats: WindowStats, probabilities: Array, time_s: float
    ) -> tuple[SmoothedPrediction, Gesture | None]:
        """Take one answered window: its statistics, the output float32 ``(labels,)``, and its newest frame's time.

        Returns:
            What the last outputs say together, and the gesture that started with this one, if any.

        Raises:
            ValueError: when there isn't one probability a label.
        """
        if probabilities.shape != (len(self._labels),):
            raise ValueError(f"expected {len(self._labels)} probabilities, one a label, found {probabilities.shape}")
        if stats.episode != self._episode:
            self._begin_episode(stats.episode)
        if stats.complete and not self._complete:
            # What the first half of a sign looked like doesn't matter once the whole of it is there.
            self._outputs.clear()
            self._voted, self._votes = None, 0
        self._complete = stats.complete
        present = self._present.update(stats.presence)
        near = self._near.update(stats.area)
        moving = self._moving.update(stats.motion)
        belief = self._believe(probabilities)
        if not (present and near) or self._has_ended(belief):
            self._lasting = None
        if present and near and moving and self._starts(belief, time_s):
            self._lasting = belief.label
            self._last_event_s = time_s
            return belief, Gesture(belief.label, belief.probability, time_s)
        return belief, None

    def _begin_episode(self, episode: int) -> None:
        self._episode = episode
        self._outputs.clear()
        self._voted, self._votes = None, 0
        self._complete = False
        self._lasting = None
        for gate in (self._present, self._near, self._moving):
            gate.open = False

    def _believe(self, probabilities: Array) -> SmoothedPrediction:
        self._outputs.append(probabilities)
        vote = int(probabilities.argmax())
        self._votes = self._votes + 1 if vote == self._voted else 1
        self._voted = vote
        mean = np.asarray(np.mean(self._outputs, axis=0, dtype=np.float64))
        order = np.argsort(mean)
        best = float(mean[order[-1]])
        second = float(mean[order[-2]]) if len(mean) > 1 else 0.0
        positive = mean[mean > 0]
        entropy = float(-(positive * np.log(positive)).sum())
        return SmoothedPrediction(self._labels[order[-1]], best, best - second, entropy)

    def _starts(self, belief: SmoothedPrediction, time_s: float) -> bool:
        limits = self._thresholds
        if belief.label in limits.rest_labels or belief.label == self._lasting:
            return False
        if time_s - self._last_event_s < limits.cooldown:
            return False
        if belief.probability < limits.probability_on or belief.margin < limits.margin_on:
            return False
        if belief.entropy > limits.entropy_on:
            return False
        votes = self._votes if self._voted == self._labels.index(belief.label) else 0
        return votes >= (limits.early_votes if belief.probability >= limits.early else limits.votes)

    def _has_ended(self, belief: SmoothedPrediction) -> bool:
        limits = self._thresholds
        return (
            belief.label != self._lasting
            or belief.probability < limits.probability_off
            or belief.margin < limits.margin_off
            or belief.entropy > limits.entropy_off
        )
