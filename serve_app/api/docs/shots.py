"""What ``/docs`` and ``/openapi.json`` say of ``/analyze``: its body, its answer, and a made shot as example."""

import math
from typing import Any

from landmarks.pose import POSE_NAMES
from landmarks.shots.keypoints import SHOT_LABELS
from serve_app.shots.request import MAX_FRAMES

EXAMPLE_FRAMES = 20

KEYPOINT = {
    "type": "object",
    "required": ["name", "x", "y", "v"],
    "properties": {
        "name": {"enum": list(POSE_NAMES)},
        "x": {"type": "number", "description": "0..1 of the image, to the right"},
        "y": {"type": "number", "description": "0..1 of the image, down"},
        "v": {"type": "number", "minimum": 0, "maximum": 1, "description": "visibility"},
    },
}
FRAME = {
    "type": "object",
    "required": ["index", "time_sec", "keypoints"],
    "properties": {
        "index": {"type": "integer"},
        "time_sec": {"type": "number", "description": "must increase from frame to frame"},
        "keypoints": {"type": "array", "items": KEYPOINT, "description": "a point left out counts as not seen"},
    },
}
ANALYZE_REQUEST = {
    "type": "object",
    "required": ["frames"],
    "properties": {
        "frames": {"type": "array", "items": FRAME, "minItems": 1, "maxItems": MAX_FRAMES},
        "release_time_sec": {
            "anyOf": [{"type": "number"}, {"type": "null"}],
            "description": "when the ball leaves the hand; found in the frames where it isn't given",
        },
        "pre_ms": {"type": "number", "default": 500, "description": "judged before the release"},
        "post_ms": {"type": "number", "default": 200, "description": "judged after it"},
        "width": {
            "type": "integer",
            "description": "of the video; without it and height pixels are square",
        },
        "height": {"type": "integer"},
    },
}
ANALYZE_ANSWER = {
    "type": "object",
    "required": ["labels", "probabilities", "metrics", "recommendations", "source", "elapsed_ms"],
    "properties": {
        "labels": {"type": "array", "items": {"enum": list(SHOT_LABELS)}},
        "probabilities": {
            "type": "object",
            "properties": {label: {"type": "number"} for label in SHOT_LABELS},
            "description": "by the rules 0.5 where the view doesn't show it; `doubts` says so",
        },
        "metrics": {
            "type": "object",
            "properties": {
                "ite": {"type": "number", "minimum": 0, "maximum": 100},
                "delay_ms": {"type": "integer"},
            },
        },
        "recommendations": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {field: {"type": "string"} for field in ("id", "title", "description")},
            },
        },
        "source": {"enum": ["model", "heuristic"], "description": "heuristic: the kinematic rules, without a model"},
        "model_version": {"type": "string", "description": "with `source` model only"},
        "release_time_sec": {"type": "number"},
        "events": {"type": "object", "description": "seconds: set point; fastest legs, arm and wrist"},
        "hand": {"enum": ["left", "right"]},
        "doubts": {"type": "array", "items": {"type": "string"}},
        "elapsed_ms": {"type": "number"},
    },
}


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
