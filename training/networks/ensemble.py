"""A gesture network of several small recurrent ones that answer together: deep ensembles in one model file.

Lakshminarayanan et al. 2017: networks that start from different weights err in different places, so their mean is
right more often, and less sure where they disagree, as about a sign that none of them knows. Maps raw landmarks to
logits as ``training.networks.bigru`` does; training and export use it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from training.data.skeletons import TWO_HANDS, SkeletonLayout
from training.networks.bigru import GRUConfig, GRUReader, merge_other_classes
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
        return self.predict(sequence, presence)[0]

    def predict(self, sequence: Tensor, presence: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``(B, num_classes)`` and embedding ``(B, members x pooled)``, whose cosines are the members' mean."""
        pooled = self._pool(sequence, presence)
        each = self._classify(pooled).log_softmax(dim=-1)
        logits = each.logsumexp(dim=0) - math.log(self.config.members)
        embedding = torch.cat([normalize(states, dim=-1) for states in pooled], dim=-1) / self.config.members**0.5
        return merge_other_classes(logits, self.config), embedding

    def member_logits(self, sequence: Tensor, presence: Tensor) -> Tensor:
        """``(members, B, all classes)``: what each of them says. Each is trained on its own answer."""
        return self._classify(self._pool(sequence, presence))

    def _pool(self, sequence: Tensor, presence: Tensor) -> list[Tensor]:
        frames = self.features(sequence, presence)
        return [reader.pool(frames) for reader in self._readers]

    def _classify(self, pooled: Sequence[Tensor]) -> Tensor:
        return torch.stack([reader.classify(states) for reader, states in zip(self._readers, pooled, strict=True)])

    @property
    def _readers(self) -> list[GRUReader]:
        return [member for member in self.members if isinstance(member, GRUReader)]
