"""Set shot, free throw or jump shot: by whether the feet are in the air at the release, and the delay that each has.

From legs to arm a jump shot takes longer, because the arm extends near the top of the jump: 125 to 302 ms in real
jump shots, measured as ``delay_ms`` is; for the order and timing of the joints see doi 10.3389/fspor.2023.1208915.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from landmarks.pose import POINT, SIDES, Floats
from landmarks.shots.gaps import SEEN
from landmarks.shots.kinematics import Motion

ShotType = Literal["set_shot", "free_throw", "jump_shot"]

AIRBORNE: Final = 0.16  # trunk lengths that the lower foot is over the ground, about 8 cm
HEELS: Final = 0.25  # trunk lengths that ankles rise as the heels come up: 45° of a foot's length
GROUND_S: Final = 1.2  # before the release, in which the feet are on the ground at some time
LIFT_S: Final = 0.7  # before the release, in which the legs push and the ball is lifted
STANDS_S: Final = 1.0  # before that, in which a player at the free throw line stands still
STILL: Final = 0.15  # trunk lengths that the feet move at most while a player stands still


@dataclass(frozen=True)
class Timing:
    """The delay of a type in milliseconds: nothing is lost from ``best`` to ``longest``, ``late`` is out of phase.

    ``spread`` is the standard deviation of the bell beyond.
    """

    best: float
    longest: float
    spread: float
    late: float

    def rate(self, delay_ms: float) -> float:
        """0 to 1: how much of the legs' energy a delay lets through."""
        beyond = max(self.best - delay_ms, delay_ms - self.longest, 0.0)
        spread = self.spread if delay_ms > self.longest else STANDING_SPREAD
        return float(np.exp(-0.5 * (beyond / spread) ** 2))


STANDING_SPREAD: Final = 70.0
# The contract's 60 to 120 ms and 150 ms.
STANDING: Final = Timing(best=90.0, longest=90.0, spread=STANDING_SPREAD, late=150.0)
# From there to the middle of 125 to 302 ms, and as much less at its end as a standing shot has at 150 ms.
JUMPING: Final = Timing(best=90.0, longest=213.5, spread=103.0, late=302.0)


def get_timing(shot_type: ShotType | None) -> Timing:
    """The delays of a type; those of a standing shot where the type isn't known."""
    return JUMPING if shot_type == "jump_shot" else STANDING


def find_shot_type(motion: Motion, release: float) -> ShotType | None:
    """The type of the shot that is released at a time; None where the feet aren't seen."""
    feet = list_feet(motion)
    if not feet or motion.trunk <= 0:
        return None
    lower = np.min([motion.height(name) for name in feet], axis=0)
    before = (motion.times >= release - GROUND_S) & (motion.times <= release)
    if not before.any():
        return None
    ground = float(np.percentile(lower[before], 10))
    toes = all(name.endswith("foot_index") for name in feet)
    if (
        float(np.interp(release, motion.times, lower)) - ground
        > (AIRBORNE if toes else AIRBORNE + HEELS) * motion.trunk
    ):
        return "jump_shot"
    return "free_throw" if _stands_still(motion, feet, release - LIFT_S) else "set_shot"


def list_feet(motion: Motion) -> list[str]:
    """The lowest seen part of each foot: toes, or else the ankle."""
    feet = []
    for side in SIDES:
        seen = [part for part in ("foot_index", "ankle") if motion.seen[POINT[f"{side}_{part}"]] >= SEEN]
        feet += [f"{side}_{seen[0]}"] if seen else []
    return feet


def _stands_still(motion: Motion, feet: list[str], until: float) -> bool:
    standing = (motion.times >= until - STANDS_S) & (motion.times <= until)
    if until - motion.times[0] < STANDS_S or standing.sum() < 2:
        return False
    moved: list[Floats] = [np.ptp(motion.at(name)[standing], axis=0) for name in feet]
    return bool(np.max(moved) < STILL * motion.trunk)
