"""Made players and how they shoot: sizes, timing and faults of form, drawn at random. Nobody was recorded.

``shot_bodies.py`` moves them. The ranges are wider than people are known to be, so that a real player lies inside them.
"""

from dataclasses import dataclass

import numpy as np

from landmarks.shots.release import Hand


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
    """How a player shoots: times in seconds, angles in degrees, lengths in statures."""

    legs_lead: float  # fastest leg extension before fastest elbow extension
    wrist_lag: float  # fastest wrist flexion after fastest elbow extension
    knee_bend: float
    legs_length: float
    dip_length: float
    pause: float  # between the dip and the push
    heel_rise: float
    heel_lag: float  # after the knees
    lean: float  # of the trunk, as a share of the knees' flexion
    trunk_lead: float  # before the knees
    lean_back: float
    drift: float  # of the whole body, ahead
    turn: float  # of hips and shoulders, the shooting side ahead
    stance: float  # between the feet, as a share of the hips' breadth
    elbow_length: float
    elbow_early: float  # the share of the elbow's extension that comes slowly
    early_lead: float
    upper_lead: float  # the upper arm rises before the elbow extends
    upper_length: float
    lift_lead: float  # the ball is half-way to the set point this long before the elbow extends
    lift_length: float
    arm_carry: float
    elbow_carry: float
    elbow_set: float
    elbow_release: float
    arm_set: float
    arm_release: float
    cock: float
    snap: float
    snap_length: float
    tilt: float  # of the forearm out of the plane, outwards
    sway: float
    sway_hz: float

    @classmethod
    def sample(cls, rng: np.random.Generator) -> "ShotParameters":
        """A form with each of four faults in about a third of the draws, independently of each other."""
        late, early_wrist, swaying, tilted = rng.random(4) < 0.35
        lead = rng.choice([rng.uniform(0.17, 0.32), rng.uniform(-0.18, -0.08)]) if late else rng.uniform(-0.02, 0.11)
        lift_length = rng.uniform(0.30, 0.90)
        return cls(
            legs_lead=float(lead),
            wrist_lag=float(rng.uniform(-0.16, -0.07) if early_wrist else rng.uniform(0.01, 0.10)),
            knee_bend=float(rng.uniform(20, 95)),
            legs_length=float(rng.uniform(0.22, 0.70)),
            dip_length=float(rng.uniform(0.35, 0.80)),
            pause=float(rng.uniform(0.0, 0.35)),
            heel_rise=float(rng.uniform(0, 45)),
            heel_lag=float(rng.uniform(-0.02, 0.08)),
            lean=float(rng.uniform(0.05, 0.50)),
            trunk_lead=float(rng.uniform(-0.06, 0.14)),
            lean_back=float(rng.uniform(0, 14)),
            drift=float(rng.uniform(-0.05, 0.15)),
            turn=float(rng.uniform(-10, 35)),
            stance=float(rng.uniform(0.7, 2.2)),
            elbow_length=float(rng.uniform(0.20, 0.42)),
            elbow_early=float(rng.uniform(0.0, 0.4)),
            early_lead=float(rng.uniform(0.05, 0.25)),
            upper_lead=float(rng.uniform(-0.05, 0.15)),
            upper_length=float(rng.uniform(0.22, 0.60)),
            lift_lead=float(lift_length / 2 + rng.uniform(-0.08, 0.15)),
            lift_length=float(lift_length),
            arm_carry=float(rng.uniform(5, 40)),
            elbow_carry=float(rng.uniform(75, 125)),
            elbow_set=float(rng.uniform(50, 105)),
            elbow_release=float(rng.uniform(150, 178)),
            arm_set=float(rng.uniform(70, 120)),
            arm_release=float(rng.uniform(130, 165)),
            cock=float(rng.uniform(20, 55)),
            snap=float(rng.uniform(80, 110) if early_wrist else rng.uniform(45, 110)),
            snap_length=float(rng.uniform(0.18, 0.28) if early_wrist else rng.uniform(0.18, 0.45)),
            tilt=float(rng.uniform(36, 50) if tilted else rng.uniform(-18, 18)),
            sway=float(rng.uniform(0.09, 0.15) if swaying else rng.uniform(0.0, 0.01)),
            sway_hz=float(rng.uniform(1.8, 2.6)),
        )
