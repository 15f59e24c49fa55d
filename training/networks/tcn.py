"""Temporal convolutional networks: the residual block they are built of, and the one for gestures.

Maps raw landmarks to logits as ``training.networks.bigru`` does. Training and export use it; it knows nothing of files
or losses.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from training.data.skeletons import TWO_HANDS, SkeletonLayout
from training.networks.bigru import gesture_head, merge_other_classes
from training.networks.features import PRESENT_FROM, ScaledFeatures
from training.networks.sizes import check_other_classes, check_sizes

KERNEL: Final = 3


class DilatedBlock(nn.Module):
    """Two dilated convolutions over time beside a straight path, the length unchanged.

    ``frames (B, channels, T)`` and ``mask (B, 1, T)``, 1 for a frame that counts: what the others hold neither
    reaches their neighbours nor the output.
    """

    def __init__(self, channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels, channels, KERNEL, padding=dilation, dilation=dilation)
        self.first_norm = nn.BatchNorm1d(channels)
        self.second = nn.Conv1d(channels, channels, KERNEL, padding=dilation, dilation=dilation)
        self.second_norm = nn.BatchNorm1d(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        hidden = torch.relu(self.first_norm(self.first(frames))) * mask
        hidden = self.second_norm(self.second(self.dropout(hidden)))
        return torch.relu(frames + self.dropout(hidden)) * mask


@dataclass(frozen=True)
class TCNConfig:
    """Sizes of a convolutional network. Dilations 1, 2, 4, 8 of two kernels of 3 each see 61 frames."""

    input_dim: int
    num_classes: int
    channels: int = 128
    num_blocks: int = 4
    dropout: float = 0.2
    other_classes: int = 0

    def __post_init__(self) -> None:
        check_sizes(self, input_dim=4096, num_classes=10_000, channels=4096, num_blocks=12)
        check_other_classes(self.other_classes)


class GestureTCN(nn.Module):
    """Raw landmarks → features → dilated residual convolutions → the mean and maximum over the frames that count.

    A frame counts where any hand is present. ``sequence (B, T, F)`` and ``presence (B, T, parts)`` to logits
    ``(B, classes)``.
    """

    def __init__(self, config: TCNConfig, layout: SkeletonLayout = TWO_HANDS) -> None:
        super().__init__()
        self.config = config
        self.features = ScaledFeatures(layout)
        self.enter = nn.Conv1d(layout.features, config.channels, 1)
        self.blocks = nn.ModuleList(
            DilatedBlock(config.channels, 2**step, config.dropout) for step in range(config.num_blocks)
        )
        self.head = gesture_head(2 * config.channels, config.num_classes + config.other_classes)

    def forward(self, sequence: Tensor, presence: Tensor) -> Tensor:
        return self.predict(sequence, presence)[0]

    def predict(self, sequence: Tensor, presence: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``(B, num_classes)`` and embedding ``(B, pooled)``."""
        pooled = self._pool(sequence, presence)
        return merge_other_classes(self.head[1:](pooled), self.config), normalize(pooled, dim=-1)

    def member_logits(self, sequence: Tensor, presence: Tensor) -> Tensor:
        """``(1, B, all classes)``, as of an ensemble of one."""
        logits: Tensor = self.head[1:](self._pool(sequence, presence))
        return logits[None]

    def _pool(self, sequence: Tensor, presence: Tensor) -> Tensor:
        mask = (presence.amax(dim=-1) >= PRESENT_FROM).to(sequence.dtype)[:, None]
        frames = torch.relu(self.enter(self.features(sequence, presence).transpose(1, 2))) * mask
        for block in self.blocks:
            frames = block(frames, mask)
        mean = frames.sum(dim=-1) / mask.sum(dim=-1).clamp(min=1.0)
        # After a ReLU and the mask nothing is below 0, so a frame that doesn't count is never the largest.
        pooled: Tensor = self.head[0](torch.cat([mean, frames.amax(dim=-1)], dim=-1))
        return pooled
