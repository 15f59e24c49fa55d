"""How the numbers of a frame are laid out as points: two hands, or the joints of one body.

Features, augmentation and evaluation read a layout instead of knowing hands; so bodies go through the same code.
"""

from dataclasses import dataclass
from typing import Final

from landmarks import hands


@dataclass(frozen=True)
class SkeletonLayout:
    """Points of one frame: ``parts`` tracked things of ``points`` points with ``dims`` coordinates that are read.

    Recordings may have more coordinates a point than ``dims``; the first ones count.
    """

    parts: int
    points: int
    dims: int
    anchor: tuple[int, ...]  # a part's origin is the mean of these points
    reaching: tuple[int, ...]  # points that are seen from there
    tracked: tuple[int, ...]  # points whose velocities are read
    centre: float  # where the middle of the picture is, on every axis

    @property
    def width(self) -> int:
        """Numbers a frame that a network reads."""
        return self.parts * self.points * self.dims

    @property
    def features(self) -> int:
        """Numbers a frame that ``training.networks.features`` makes of it."""
        return self.parts * (self.dims * (len(self.reaching) + len(self.tracked) + 2) + 2)


TWO_HANDS: Final = SkeletonLayout(
    parts=len(hands.HANDS),
    points=hands.POINTS,
    dims=2,
    anchor=(hands.WRIST,),
    reaching=tuple(range(hands.WRIST + 1, hands.POINTS)),
    tracked=(hands.WRIST, *hands.FINGER_TIPS),
    centre=0.5,
)
# The Kinect's 20 joints from the head down to the feet, in metres: seen from the neck. Elbows, wrists and hands move;
# what is below the hip (from joint 12 on) only says who stands there, and counts for the body's size alone.
KINECT_BODY: Final = SkeletonLayout(
    parts=1,
    points=20,
    dims=3,
    anchor=(1,),
    reaching=(0, *range(2, 12)),
    tracked=(4, 5, 6, 7, 8, 9),
    centre=0.0,
)
# NATOPS: left and right of hand tip, elbow, wrist, thumb. Between the elbows is what moves least.
NATOPS_ARMS: Final = SkeletonLayout(
    parts=1,
    points=8,
    dims=3,
    anchor=(2, 3),
    reaching=tuple(range(8)),
    tracked=(0, 1, 2, 3, 4, 5),
    centre=0.0,
)
