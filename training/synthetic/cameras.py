"""Virtual cameras and a tracker's faults: what a pose tracker would make of bodies known in three dimensions.

Bodies are float64 ``(T, 33, 3)`` in metres: x ahead of the player (to the basket), y to the player's left, z up, the
floor at 0. Made shots and the evaluation on recorded free throws see their bodies through these.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from landmarks.pose import POINT, POSE_POINTS, Array, Floats

# Where a camera stands around the player, in degrees from straight ahead, counted to the player's left.
VIEWS: Final = {"front": 0.0, "left side": 90.0, "back": 180.0, "right side": 270.0}

REACH: Final = 3.0  # metres over the floor that a tall player's fingers reach in a jump

_HANDS: Final = [index for name, index in POINT.items() if any(part in name for part in ("pinky", "index", "thumb"))]
_HANDS_FACTOR: Final = 1.5
_CORRELATION_S: Final = 0.15


@dataclass(frozen=True)
class Camera:
    """A level camera that looks at the player's axis. Lengths in metres, the angle in degrees as in ``VIEWS``."""

    azimuth: float
    distance: float = 5.0
    height: float = 1.4
    field_of_view: float = 50.0  # of the image's height, in degrees
    width: int = 1280
    height_px: int = 720

    @classmethod
    def sample(cls, view: str, rng: np.random.Generator) -> "Camera":
        """A camera near a view: up to 20° off it, 4 to 6.5 m away, at 1.0 to 1.8 m, the person kept in the image."""
        return cls(
            azimuth=VIEWS[view] + float(rng.uniform(-20, 20)),
            distance=float(rng.uniform(4.0, 6.5)),
            height=float(rng.uniform(1.0, 1.8)),
            field_of_view=float(rng.uniform(48, 60)),
        )

    @classmethod
    def sample_anywhere(cls, rng: np.random.Generator, width: int, height_px: int) -> "Camera":
        """A camera on any side, 2.5 to 9 m away, at 0.5 to 2.2 m, that has a tall player's raised arms in the image."""
        distance, height = float(rng.uniform(2.5, 9.0)), float(rng.uniform(0.5, 2.2))
        half = np.arctan(max(height, REACH - height) / (distance - 0.5)) * rng.uniform(1.02, 1.4)
        turn = float(rng.uniform(0, 360))
        return cls(turn, distance, height, float(np.degrees(2 * half)), width, height_px)

    def locate(self, bodies: Floats) -> tuple[Floats, Floats]:
        """How far to the right of the camera's axis points are, and how far away: ``(T, 33)`` in metres, each."""
        ground = bodies[..., :2] - bodies[..., :2].mean(axis=(0, 1))
        angle = np.radians(self.azimuth)
        toward = np.array([np.cos(angle), np.sin(angle)])  # from the player to the camera
        # Facing the player, the camera's right hand side is the player's left for a camera straight ahead.
        right = np.array([-np.sin(angle), np.cos(angle)])
        return ground @ right, self.distance - ground @ toward

    def project(self, bodies: Floats) -> Floats:
        """Image coordinates ``(T, 33, 2)``: x right and y down, 0..1 of the image."""
        across, depth = self.locate(bodies)
        focal = 0.5 / np.tan(np.radians(self.field_of_view) / 2)  # in image heights
        x = 0.5 + focal * across / depth * self.height_px / self.width
        y = 0.5 - focal * (bodies[..., 2] - self.height) / depth
        return np.stack([x, y], axis=-1)


@dataclass(frozen=True)
class Tracker:
    """The faults of a pose tracker, in fractions of the person's height in the image.

    ``jitter`` is independent from frame to frame; ``drift`` is an error that stays for about 0.15 s; hands have half
    as much again of both. ``offset`` stays for the whole clip: where the tracker puts a joint. Points on the far side
    of the body are less sure and less visible.
    """

    jitter: float = 0.004
    drift: float = 0.006
    offset: float = 0.0

    def observe(self, bodies: Floats, times: Floats, camera: Camera, rng: np.random.Generator) -> Array:
        """What the tracker returns for each frame: float32 ``(T, 33, 3)``, x, y and visibility."""
        seen = camera.project(bodies)
        tall = float(np.median(seen[..., 1].max(axis=1) - seen[..., 1].min(axis=1)))
        _, depth = camera.locate(bodies)
        hidden = np.clip((depth - depth.mean(axis=1, keepdims=True)) / 0.15, 0, 1)  # 15 cm behind the body's middle
        factor = np.ones(POSE_POINTS)
        factor[_HANDS] = _HANDS_FACTOR
        spread = (factor * (1 + hidden))[..., None] * tall
        step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
        noise = self.jitter * rng.normal(size=seen.shape) + self.drift * _wander(seen.shape, step, rng)
        if self.offset:
            noise += self.offset * rng.normal(size=seen.shape[1:])
        noisy = seen + noise * spread * [camera.height_px / camera.width, 1.0]
        visibility = np.clip(0.98 - 0.35 * hidden + rng.normal(0, 0.02, hidden.shape), 0.05, 1.0)
        return np.concatenate([noisy, visibility[..., None]], axis=-1).astype(np.float32)


def _wander(shape: tuple[int, ...], step_s: float, rng: np.random.Generator) -> Floats:
    """A first-order autoregressive process of unit variance along the first axis."""
    keep = float(np.exp(-step_s / _CORRELATION_S))
    fresh = rng.normal(size=shape)
    drift = np.empty(shape)
    drift[0] = fresh[0]
    for frame in range(1, shape[0]):
        drift[frame] = keep * drift[frame - 1] + np.sqrt(1 - keep**2) * fresh[frame]
    return drift
