"""Features inside a network: raw landmarks and presence in, for two hands 116 numbers a frame out.

They are part of the exported graph, so that training, server and edge can't drift apart. Knows nothing of training.
"""

from typing import Final

import torch
from torch import Tensor, nn

from training.data.skeletons import TWO_HANDS, SkeletonLayout

PRESENT_FROM: Final = 0.5

# Sizes below this (in image widths or metres) are no hands or bodies; it keeps every division finite.
_SIZE_FLOOR: Final = 1e-4
# Features that hardly vary in the training data must not be blown up by their own scale.
_STD_FLOOR: Final = 0.05


class PointFeatures(nn.Module):
    """What a hand (or body) looks like and how it moves, free of where the camera stands.

    With ``sz`` the RMS distance of a part's points to their centroid, ``S`` the mean of ``sz`` over the window's
    present parts, and the origin a part's ``anchor`` (a hand's wrist), the features of a frame are, left hand first,
    counted here for two hands in two dimensions:

    ======  =====================================================================================
    80      0.5 (point − origin) / sz, 20 points of each hand
    4       0.3 (origin − window mean of all origins) / S
    4       4 (origin − centre of the picture)
    2       log(sz / S)
    24      velocity a frame of the tracked points / S within ±3, where present in both frames
    2       presence
    ======  =====================================================================================

    All are zero where the part is absent, and within ±8.
    """

    def __init__(self, layout: SkeletonLayout = TWO_HANDS) -> None:
        super().__init__()
        self.layout = layout

    def forward(self, sequence: Tensor, presence: Tensor) -> Tensor:
        """Raw landmarks ``(B, T, layout.width)`` and presence ``(B, T, parts)`` to ``(B, T, layout.features)``.

        Both are float. A part counts as present from presence 0.5 up.
        """
        layout = self.layout
        points = sequence.reshape(*sequence.shape[:-1], layout.parts, layout.points, layout.dims)
        present = (presence >= PRESENT_FROM).to(sequence.dtype)
        here = present[..., None]

        origin = points[..., list(layout.anchor), :].mean(dim=-2)
        shape = points - points.mean(dim=-2, keepdim=True)
        size = (shape * shape).sum(dim=(-2, -1)).div(layout.points).sqrt().clamp(min=_SIZE_FLOOR)
        count = present.sum(dim=(1, 2), keepdim=True).clamp(min=1.0)
        scale = ((size * present).sum(dim=(1, 2), keepdim=True) / count).clamp(min=_SIZE_FLOOR)
        middle = (origin * here).sum(dim=(1, 2), keepdim=True) / count[..., None]

        reach = 0.5 * (points[..., list(layout.reaching), :] - origin[..., None, :]) / size[..., None, None]
        track = 0.3 * (origin - middle) / scale[..., None]
        place = 4.0 * (origin - layout.centre)
        log_size = torch.log(size / scale)
        speed = self._velocity(points, present, scale)
        still = torch.cat([reach.flatten(-2), track, place, log_size[..., None]], dim=-1) * here
        frame = torch.cat([still.clamp(-8.0, 8.0), speed, here], dim=-1)
        return frame.flatten(-2)

    def _velocity(self, points: Tensor, present: Tensor, scale: Tensor) -> Tensor:
        """``(B, T, parts, tracked x dims)``: change a frame over ``scale``, zero in the first frame."""
        tracked = points[..., list(self.layout.tracked), :].flatten(-2)
        both = (present[:, 1:] * present[:, :-1])[..., None]
        change = ((tracked[:, 1:] - tracked[:, :-1]) / scale[..., None] * both).clamp(-3.0, 3.0)
        return torch.cat([torch.zeros_like(tracked[:, :1]), change], dim=1)


class ScaledFeatures(PointFeatures):
    """``PointFeatures`` with the mean and standard deviation that the training windows had."""

    mean: Tensor
    std: Tensor

    def __init__(self, layout: SkeletonLayout = TWO_HANDS) -> None:
        super().__init__(layout)
        self.register_buffer("mean", torch.zeros(layout.features))
        self.register_buffer("std", torch.ones(layout.features))

    def set_scale(self, sequence: Tensor, presence: Tensor) -> None:
        """Take the scale from training windows ``(N, T, F)``."""
        with torch.no_grad():
            frames = super().forward(sequence, presence).flatten(0, 1)
            self.mean.copy_(frames.mean(dim=0))
            self.std.copy_(frames.std(dim=0).clamp(min=_STD_FLOOR))

    def forward(self, sequence: Tensor, presence: Tensor) -> Tensor:
        scaled: Tensor = (super().forward(sequence, presence) - self.mean) / self.std
        return scaled
