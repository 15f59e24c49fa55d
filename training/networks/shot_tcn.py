"""The temporal convolutional network for shots: raw poses to label logits, ``ite`` and ``delay_ms``.

The features are inside: pelvis-centred, shoulder-scaled points, masked by visibility. So a consumer sends what the
keypoints file holds: ``x (B, T, 33, 3)``, x, y and visibility, 30 frames a second. It knows nothing of files or losses.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from landmarks.pose import POINT, SHOULDERS_OVER_TRUNK, SIDES
from landmarks.shots.keypoints import MODEL_FPS, SHOT_LABELS
from training.networks.sizes import check_sizes
from training.networks.tcn import DilatedBlock

SEEN: Final = 0.3
# The face adds noise and no news: the nose and what lies below it.
BODY: Final = (POINT["nose"], *range(POINT["left_shoulder"], POINT["right_foot_index"] + 1))
# A hand's turn is small beside a body's size: told bone by bone it isn't lost.
LIMBS: Final = tuple(
    (POINT[f"{side}_{near}"], POINT[f"{side}_{far}"])
    for side in SIDES
    for near, far in (("hip", "knee"), ("knee", "ankle"), ("wrist", "index"), ("wrist", "pinky"))
)
# The last one tells from which side the camera looks.
UPPER: Final = (
    *((POINT[f"{side}_shoulder"], POINT[f"{side}_elbow"]) for side in SIDES),
    *((POINT[f"{side}_elbow"], POINT[f"{side}_wrist"]) for side in SIDES),
    (POINT["left_shoulder"], POINT["right_shoulder"]),
)
ARMS: Final = 2 * len(UPPER)
PELVIS: Final = 4
FEATURES: Final = len(BODY) * 5 + 2 * len(LIMBS) + ARMS + PELVIS
MOMENT_CHANNELS: Final = 24
UNLIKELY: Final = 1e4  # taken off the logit of a moment in a frame that doesn't count


@dataclass(frozen=True)
class ShotTCNConfig:
    """Sizes. Dilations 1, 2, 4, 8 of two kernels of 3 each see 61 frames, two seconds."""

    channels: int = 96
    blocks: int = 4
    moments: int = 6  # in time, that the network may place for the labels
    dropout: float = 0.1

    def __post_init__(self) -> None:
        check_sizes(self, channels=1024, blocks=10, moments=64)


class Moment(nn.Module):
    """When something happens: from a few features ``(B, inputs, T)`` to a logit for each frame ``(B, 1, T)``."""

    def __init__(self, inputs: int, dropout: float) -> None:
        super().__init__()
        self.enter = nn.Conv1d(inputs, MOMENT_CHANNELS, 3, padding=1)
        self.blocks = nn.ModuleList(DilatedBlock(MOMENT_CHANNELS, dilation, dropout) for dilation in (1, 2, 4))
        self.leave = nn.Conv1d(MOMENT_CHANNELS, 1, 1)

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        frames = torch.relu(self.enter(frames)) * mask
        for block in self.blocks:
            frames = block(frames, mask)
        logits: Tensor = self.leave(frames)
        return logits


class ShotTCN(nn.Module):
    """``x (B, T, 33, 3)`` to ``logits (B, 4)`` and ``preds (B, 2)``, ite 0..100 and delay_ms, for any T from 1 on.

    Moments in time are placed by attention. ``delay_ms`` is the time from a moment that sees the pelvis alone to one
    that sees the arms alone, as it is defined; what else a player's habits let one guess doesn't reach it. Frames
    without any point that is seen don't count.
    """

    def __init__(self, config: ShotTCNConfig | None = None) -> None:
        super().__init__()
        self.config = config or ShotTCNConfig()
        channels, dropout = self.config.channels, self.config.dropout
        self.norm = nn.BatchNorm1d(FEATURES)
        self.enter = nn.Conv1d(FEATURES, channels, 1)
        self.blocks = nn.ModuleList(DilatedBlock(channels, 2**step, dropout) for step in range(self.config.blocks))
        self.legs = Moment(PELVIS, dropout)
        self.arm = Moment(ARMS, dropout)
        self.moments = nn.Conv1d(channels, self.config.moments, 1)
        self.head = nn.Sequential(
            nn.Linear(2 * channels + self.config.moments + 1, 128),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(128, len(SHOT_LABELS) + 1),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mask = (x[..., 2].amax(dim=-1) >= SEEN).to(x.dtype)[:, None]
        known = self.norm(features(x))
        frames = torch.relu(self.enter(known)) * mask
        for block in self.blocks:
            frames = block(frames, mask)
        arm_and_pelvis = known[:, -(ARMS + PELVIS) :]
        when = torch.cat(
            [
                self.legs(arm_and_pelvis[:, ARMS:], mask),
                self.arm(arm_and_pelvis[:, :ARMS], mask),
                self.moments(frames),
            ],
            dim=1,
        )
        share = torch.softmax(when - UNLIKELY * (1 - mask), dim=-1)
        placed = (share * torch.cumsum(torch.ones_like(share), dim=-1)).sum(dim=-1) / MODEL_FPS
        since_legs = placed[:, 1:] - placed[:, :1]
        mean = frames.sum(dim=-1) / mask.sum(dim=-1).clamp(min=1.0)
        # After a ReLU and the mask nothing is below 0, so a frame that doesn't count is never the largest.
        out = self.head(torch.cat([mean, frames.amax(dim=-1), since_legs * 10], dim=-1))
        ite, delay = torch.sigmoid(out[:, 4]) * 100, since_legs[:, 0] * 1000
        return out[:, :4], torch.stack([ite, delay], dim=-1)


def features(x: Tensor) -> Tensor:
    """Features ``(B, FEATURES, T)`` of poses ``(B, T, 33, 3)``.

    A frame's points around its pelvis, their speeds, their visibility, the bones of ``LIMBS`` and of ``UPPER``, and
    the pelvis around its mean over the window with its speed. The scale is the larger of the shoulders' breadth and
    the trunk times ``SHOULDERS_OVER_TRUNK``, each the mean over the window. Points that aren't seen are 0.
    """
    places, visibility = x[..., :2], x[..., 2:].clamp(0, 1)

    def middle(part: str) -> Tensor:
        return (places[:, :, POINT[f"left_{part}"]] + places[:, :, POINT[f"right_{part}"]]) / 2

    pelvis = middle("hip")
    breadth = places[:, :, POINT["left_shoulder"]] - places[:, :, POINT["right_shoulder"]]
    trunk = middle("shoulder") - pelvis
    scale = torch.maximum(length(breadth).mean(dim=1), length(trunk).mean(dim=1) * SHOULDERS_OVER_TRUNK).clamp(min=1e-3)
    seen = (visibility >= SEEN).to(x.dtype)
    body = list(BODY)
    centred = (places - pelvis[:, :, None])[:, :, body] / scale[:, None, None, None]
    centred = (centred * seen[:, :, body]).clamp(-8, 8)
    near, far = (list(ends) for ends in zip(*LIMBS, *UPPER, strict=True))
    bones = (places[:, :, far] - places[:, :, near]) / scale[:, None, None, None]
    bones = (bones * seen[:, :, far] * seen[:, :, near]).clamp(-8, 8)
    travel = ((pelvis - pelvis.mean(dim=1, keepdim=True)) / scale[:, None, None]).clamp(-8, 8)
    # The first frame has no frame before it and so no speed.
    before = torch.cat([centred[:, :1], centred[:, :-1]], dim=1)
    both = seen[:, :, body] * torch.cat([seen[:, :1, body], seen[:, :-1, body]], dim=1)
    speed = ((centred - before) * both * 10).clamp(-8, 8)
    pace = torch.cat([torch.zeros_like(travel[:, :1]), travel[:, 1:] - travel[:, :-1]], dim=1) * 10
    parts = [centred.flatten(2), speed.flatten(2), visibility[:, :, body, 0], bones.flatten(2), travel, pace]
    return torch.cat(parts, dim=-1).transpose(1, 2)


def length(vectors: Tensor) -> Tensor:
    """Length of vectors along the last axis; the small number keeps its slope finite at 0."""
    return (vectors.square().sum(dim=-1) + 1e-12).sqrt()
