"""Made players and how they shoot: sizes, timing and faults of form, drawn at random. Nobody was recorded.

``players.py`` moves them. The ranges are wider than people are known to be, so that a real player lies inside them.
"""

from dataclasses import dataclass
from typing import Annotated, Final, get_args, get_type_hints

import numpy as np

from landmarks.shots.release import Hand

# The ranges of what a fault of form changes.
EARLY_WRIST: Final = {"wrist_lag": (-0.16, -0.07), "snap": (80.0, 110.0), "snap_length": (0.18, 0.28)}
SWAYING: Final = {"sway": (0.09, 0.15)}
TILTED: Final = {"tilt": (36.0, 50.0)}


@dataclass(frozen=True)
class Player:
    """A made player: stature in metres, proportions as factors on the segments, and the shooting hand."""

    stature: float
    legs: float
    trunk: float
    arms: float
    breadth: float
    palm: float
    hand: Hand

    @classmethod
    def sample(cls, rng: np.random.Generator) -> "Player":
        """A player with proportions of its own."""
        legs, trunk, arms, breadth = (float(value) for value in rng.uniform(0.88, 1.12, 4))
        hand: Hand = "left" if rng.random() < 0.3 else "right"
        # Trackers and recordings put the fingers' points anywhere from the knuckles to the tips.
        return cls(float(rng.uniform(1.45, 2.10)), legs, trunk, arms, breadth, float(rng.uniform(0.8, 1.6)), hand)


@dataclass(frozen=True)
class ShotParameters:
    """How a player shoots: times in seconds, angles in degrees, lengths in statures.

    Beside each is the range it is drawn from where it has no fault; ``sample`` draws the two without one.
    """

    legs_lead: float  # fastest leg extension before fastest elbow extension
    wrist_lag: Annotated[float, 0.01, 0.10]  # fastest wrist flexion after fastest elbow extension
    knee_bend: Annotated[float, 20, 95]
    legs_length: Annotated[float, 0.22, 0.70]
    dip_length: Annotated[float, 0.35, 0.80]
    pause: Annotated[float, 0.0, 0.35]  # between the dip and the push
    heel_rise: Annotated[float, 0, 45]
    heel_lag: Annotated[float, -0.02, 0.08]  # after the knees
    lean: Annotated[float, 0.05, 0.50]  # of the trunk, as a share of the knees' flexion
    trunk_lead: Annotated[float, -0.06, 0.14]  # before the knees
    lean_back: Annotated[float, 0, 14]
    drift: Annotated[float, -0.05, 0.15]  # of the whole body, ahead
    turn: Annotated[float, -10, 35]  # of hips and shoulders, the shooting side ahead
    stance: Annotated[float, 0.7, 2.2]  # between the feet, as a share of the hips' breadth
    elbow_length: Annotated[float, 0.20, 0.42]
    elbow_early: Annotated[float, 0.0, 0.4]  # the share of the elbow's extension that comes slowly
    early_lead: Annotated[float, 0.05, 0.25]
    upper_lead: Annotated[float, -0.05, 0.15]  # the upper arm rises before the elbow extends
    upper_length: Annotated[float, 0.22, 0.60]
    # The ball is half-way to the set point this long before the elbow extends; half of its length comes on top.
    lift_lead: Annotated[float, -0.08, 0.15]
    lift_length: float
    arm_carry: Annotated[float, 5, 40]
    elbow_carry: Annotated[float, 75, 125]
    elbow_set: Annotated[float, 50, 105]
    elbow_release: Annotated[float, 150, 178]
    arm_set: Annotated[float, 70, 120]
    arm_release: Annotated[float, 130, 165]
    cock: Annotated[float, 20, 55]
    snap: Annotated[float, 45, 110]
    snap_length: Annotated[float, 0.18, 0.45]
    tilt: Annotated[float, -18, 18]  # of the forearm out of the plane, outwards
    sway: Annotated[float, 0.0, 0.01]
    sway_hz: Annotated[float, 1.8, 2.6]

    @classmethod
    def sample(cls, rng: np.random.Generator) -> "ShotParameters":
        """A form with each of four faults in about a third of the draws, independently of each other."""
        late, early_wrist, swaying, tilted = rng.random(4) < 0.35
        lead = rng.choice([rng.uniform(0.17, 0.32), rng.uniform(-0.18, -0.08)]) if late else rng.uniform(-0.02, 0.11)
        lift_length = rng.uniform(0.30, 0.90)
        faults = (EARLY_WRIST if early_wrist else {}) | (SWAYING if swaying else {}) | (TILTED if tilted else {})
        drawn = {name: float(rng.uniform(*limits)) for name, limits in (_RANGES | faults).items()}
        drawn["lift_lead"] += lift_length / 2
        return cls(legs_lead=float(lead), lift_length=float(lift_length), **drawn)


_RANGES: Final = {
    name: limits
    for name, hint in get_type_hints(ShotParameters, include_extras=True).items()
    if (limits := get_args(hint)[1:])
}
