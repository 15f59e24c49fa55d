"""A gesture network of several small recurrent ones that answer together: deep ensembles in one model file.

Lakshminarayanan et al. 2017: networks that start from different weights err in different places, so their mean is
right more often, and less sure where they disagree, as about a sign that none of them knows. Maps raw landmarks to
logits as ``training.networks.bigru`` does; training and export use it.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.data.skeletons import TWO_HANDS, SkeletonLayout
from training.networks.bigru import GRUConfig, GRUReader
from training.networks.features import ScaledFeatures
from training.networks.sizes import check_sizes


@dataclass(frozen=True)
class EnsembleConfig(GRUConfig):
    """Sizes of each member, and how many there are. Three of 64 cost less than one of 128."""

    hidden_dim: int = 64
    members: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(self, members=16)


class GestureEnsemble(nn.Module):
    """Raw landmarks → features, once → members → the log of the mean of their probabilities.

    ``sequence (B, T, F)`` and ``presence (B, T, parts)`` to logits ``(B, classes)``, whose softmax is that mean.
    """

    def __init__(self, config: EnsembleConfig, layout: SkeletonLayout = TWO_HANDS) -> None:
        super().__init__()
        self.config = config
        self.features = ScaledFeatures(layout)
        self.members = nn.ModuleList(GRUReader(config, layout.features) for _ in range(config.members))

    def forward(self, sequence: Tensor, presence: Tensor) -> Tensor:
        each = self.member_logits(sequence, presence).log_softmax(dim=-1)
        return each.logsumexp(dim=0) - math.log(self.config.members)

    def member_logits(self, sequence: Tensor, presence: Tensor) -> Tensor:
        """``(members, B, classes)``: what each of them says. Each is trained on its own answer."""
        frames = self.features(sequence, presence)
        return torch.stack([member(frames) for member in self.members])
