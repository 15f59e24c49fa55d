"""Decides when a gesture happened: a state machine from predictions to at most one event a gesture.

Pure: it reads no clock, does no I/O and starts no thread. ``pipeline.py`` gives it each prediction in the order of
capture, from the service or the local model; the network changes nothing but the moment of the event.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_client.settings import Thresholds
from edge_client.types import SmoothedPrediction, WindowStats
from landmarks.hands import Array


@dataclass(frozen=True, slots=True)
class Gesture:
    """A gesture started: its label, the mean probability that convinced, and the time of its window."""

    label: str
    score: float
    time_s: float


def temperature_scale(probabilities: Array, temperature: float) -> Array:
    """The softmax at another temperature of the same logits: probabilities to the power 1 / temperature, normalised."""
    powers = probabilities.astype(np.float64) ** (1 / temperature)
    return np.asarray(powers / powers.sum(), dtype=np.float32)


@dataclass(slots=True)
class HysteresisThreshold:
    """Hysteresis: opens at ``on`` or above, closes below ``off``, and stays as it was in between."""

    on: float
    off: float
    open: bool = False

    def update(self, value: float) -> bool:
        self.open = value >= (self.off if self.open else self.on)
        return self.open


class Trigger:
    """Predictions in, gestures out.

    A gesture starts when a hand is present, near and moving, the mean of the last outputs is sure (probability,
    margin, entropy), and the last outputs agree on its label, or, from ``early`` on, fewer of them do. It then lasts,
    and makes no second event, until the mean falls under the lower thresholds, the hands leave, or another gesture
    starts. When the hands leave, the outputs for the complete sign decide alone.
    """

    def __init__(self, thresholds: Thresholds, labels: Sequence[str]) -> None:
        self._thresholds = thresholds
        self.labels = tuple(labels)
        self._outputs: deque[Array] = deque(maxlen=thresholds.mean_of)
        self._present = HysteresisThreshold(thresholds.presence_on, thresholds.presence_off)
        self._near = HysteresisThreshold(thresholds.area_on, thresholds.area_off)
        self._moving = HysteresisThreshold(thresholds.motion_on, thresholds.motion_off)
        self._episode = 0
        self._complete = False
        self._voted: int | None = None
        self._votes = 0
        self.active_gesture: str | None = None  # started and not ended
        self._last_event_s = -np.inf

    def observe(
        self, stats: WindowStats, probabilities: Array, time_s: float
    ) -> tuple[SmoothedPrediction, Gesture | None]:
        """Take one prediction: its window's statistics, probabilities float32 ``(labels,)``, its newest frame's time.

        Returns:
            What the last outputs say together, and the gesture that started with this one, if any.

        Raises:
            ValueError: when there isn't one probability a label.
        """
        if probabilities.shape != (len(self.labels),):
            raise ValueError(f"expected {len(self.labels)} probabilities, one a label, found {probabilities.shape}")
        begins = stats.episode != self._episode
        if begins:
            self._episode = stats.episode
            self.active_gesture = None
            for threshold in (self._present, self._near, self._moving):
                threshold.open = False
        if begins or (stats.complete and not self._complete):
            # What the first half of a sign looked like doesn't matter once the whole of it is there.
            self._outputs.clear()
            self._voted, self._votes = None, 0
        self._complete = stats.complete
        present = self._present.update(stats.presence)
        near = self._near.update(stats.area)
        moving = self._moving.update(stats.motion)
        smoothed = self._smooth(probabilities)
        if not (present and near) or self._has_ended(smoothed):
            self.active_gesture = None
        if present and near and moving and self._starts(smoothed, time_s):
            self.active_gesture = smoothed.label
            self._last_event_s = time_s
            return smoothed, Gesture(smoothed.label, smoothed.probability, time_s)
        return smoothed, None

    def _smooth(self, probabilities: Array) -> SmoothedPrediction:
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
        return SmoothedPrediction(self.labels[order[-1]], best, best - second, entropy)

    def _starts(self, smoothed: SmoothedPrediction, time_s: float) -> bool:
        thresholds = self._thresholds
        if smoothed.label in thresholds.rest_labels or smoothed.label == self.active_gesture:
            return False
        if time_s - self._last_event_s < thresholds.cooldown:
            return False
        if smoothed.probability < thresholds.probability_on or smoothed.margin < thresholds.margin_on:
            return False
        if smoothed.entropy > thresholds.entropy_on:
            return False
        votes = self._votes if self._voted == self.labels.index(smoothed.label) else 0
        return votes >= (thresholds.early_votes if smoothed.probability >= thresholds.early else thresholds.votes)

    def _has_ended(self, smoothed: SmoothedPrediction) -> bool:
        thresholds = self._thresholds
        return (
            smoothed.label != self.active_gesture
            or smoothed.probability < thresholds.probability_off
            or smoothed.margin < thresholds.margin_off
            or smoothed.entropy > thresholds.entropy_off
        )
