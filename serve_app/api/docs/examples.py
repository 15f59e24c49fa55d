"""The request bodies that ``/openapi.json`` shows: made up, and good for a 200 from the models that are shipped."""

import math
from typing import Any, Final

WINDOW: Final = {"sequence": [[0.1] * 84] * 10, "mask": [[1.0, 0.0]] * 10}
TENSOR: Final = {"name": "sequence", "shape": [1, 10, 84], "datatype": "FP32", "data": [0.1] * 840}
TENSORS_READ: Final = [{"name": "label"}, {"name": "probabilities"}]
EXAMPLE_FRAMES: Final = 20


def example_vocabulary() -> dict[str, Any]:
    """One made recording of each of two gestures: both hands move to the right, or down."""
    recordings = [{"label": "right", "hands": example_motion(0)}, {"label": "down", "hands": example_motion(1)}]
    return {"recordings": recordings, "keep": []}


def example_motion(axis: int) -> list[list[float]]:
    """Six frames of two hands that move along x (0) or y (1)."""
    still = [round(0.4 + 0.01 * (number % 7), 2) for number in range(84)]
    return [
        [round(place + 0.02 * frame, 2) if number % 2 == axis else place for number, place in enumerate(still)]
        for frame in range(6)
    ]


def example_shot() -> dict[str, Any]:
    """A made shot seen from the player's right, two thirds of a second at 30 frames a second; nobody was recorded."""
    return {"frames": [example_frame(number) for number in range(EXAMPLE_FRAMES)]}


def example_frame(number: int) -> dict[str, Any]:
    """Frame ``number`` of ``example_shot``: the legs push from the start on, the arm follows three frames later."""
    legs = 0.08 * eased((number - 1) / 11)
    arm = 0.36 * eased((number - 4) / 11)
    still = {"ankle": (0.50, 0.95), "knee": (0.53, 0.80)}
    lifted = {"hip": (0.48, 0.64), "shoulder": (0.49, 0.40)}
    points = {part: (x, y) for part, (x, y) in still.items()}
    points |= {part: (x, y - legs) for part, (x, y) in lifted.items()}
    points |= {part: (x, y - legs - arm) for part, x, y in (("elbow", 0.55, 0.48), ("wrist", 0.58, 0.44))}
    named = [(f"right_{part}", *place) for part, place in points.items()]
    named += [(f"left_{part}", *place) for part, place in points.items() if part in (*still, *lifted)]
    bent = math.radians(-40 + 90 * eased((number - 9) / 8))  # the hand: back at first, to the palm at the end
    palm = (0.58 + 0.04 * math.sin(bent), 0.44 - legs - arm - 0.04 * math.cos(bent))
    named += [(f"right_{part}", *palm) for part in ("index", "pinky")]
    named.append(("nose", 0.52, 0.30 - legs))
    keypoints = [{"name": name, "x": round(x, 4), "y": round(y, 4), "v": 0.9} for name, x, y in named]
    return {"index": number, "time_sec": round(number / 30, 3), "keypoints": keypoints}


def eased(share: float) -> float:
    """From 0 to 1 with the least jerk."""
    s = min(max(share, 0.0), 1.0)
    return s * s * s * (10 - 15 * s + 6 * s * s)
