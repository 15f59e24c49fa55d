"""Hand features inside a network: raw landmarks and presence in, 116 numbers a frame out.

They are part of the exported graph, so that training, server and edge can't drift apart. Knows nothing of training.
"""

from typing import Final

import torch
from torch import Tensor, nn

from landmarks.hands import FINGER_TIPS, HANDS, POINTS, WRIST

FEATURES: Final = 2 * 20 * 2 + 4 + 4 + 2 + 2 * 6 * 2 + 2
PRESENT_FROM: Final = 0.5

# Hand sizes below this (in image widths) are no hands; it keeps every division finite.
_SIZE_FLOOR: Final = 1e-4


class HandFeatures(nn.Module):
    """What a hand looks like and how it moves, free of where the camera stands.

    With ``sz`` the RMS distance of a hand's points to their centroid and ``S`` the mean of ``sz`` over the window's
    present hands, the features of a frame are, left hand first:

    ======  =====================================================================================
    80      0.5 (point − wrist) / sz, 20 points of each hand
    4       0.3 (wrist − window mean of both wrists) / S
    4       4 (wrist − 0.5)
    2       log(sz / S)
    24      velocity a frame of wrist and finger tips / S within ±3, where present in both frames
    2       presence
    ======  =====================================================================================

    All are zero where the hand is absent, and within ±8.
    """

    def forward(self, sequence: Tensor, presence: Tensor) -> Tensor:
        """Raw landmarks ``(B, T, 84)`` and presence ``(B, T, 2)``, both float, to features ``(B, T, 116)``.

        A hand counts as present from presence 0.5 up.
        """
        hands = len(HANDS)
        points = sequence.reshape(*sequence.shape[:-1], hands, POINTS, 2)
        present = (presence >= PRESENT_FROM).to(sequence.dtype)
        here = present[..., None]

        wrist = points[..., WRIST, :]
        shape = points - points.mean(dim=-2, keepdim=True)
        size = (shape * shape).sum(dim=(-2, -1)).div(POINTS).sqrt().clamp(min=_SIZE_FLOOR)
        count = present.sum(dim=(1, 2), keepdim=True).clamp(min=1.0)
        scale = ((size * present).sum(dim=(1, 2), keepdim=True) / count).clamp(min=_SIZE_FLOOR)
        middle = (wrist * here).sum(dim=(1, 2), keepdim=True) / count[..., None]

        reach = 0.5 * (points[..., WRIST + 1 :, :] - wrist[..., None, :]) / size[..., None, None]
        track = 0.3 * (wrist - middle) / scale[..., None]
        place = 4.0 * (wrist - 0.5)
        log_size = torch.log(size / scale)
        speed = self._velocity(points, present, scale)
        still = torch.cat([reach.flatten(-2), track, place, log_size[..., None]], dim=-1) * here
        frame = torch.cat([still.clamp(-8.0, 8.0), speed, here], dim=-1)
        return frame.flatten(-2)

    @staticmethod
    def _velocity(points: Tensor, present: Tensor, scale: Tensor) -> Tensor:
        """``(B, T, 2, 12)``: change a frame of six points over ``scale``, zero in the first frame."""
        tracked = torch.cat([points[..., :1, :], points[..., FINGER_TIPS[0] :: 4, :]], dim=-2).flatten(-2)
        both = (present[:, 1:] * present[:, :-1])[..., None]
        change = ((tracked[:, 1:] - tracked[:, :-1]) / scale[..., None] * both).clamp(-3.0, 3.0)
        return torch.cat([torch.zeros_like(tracked[:, :1]), change], dim=1)
