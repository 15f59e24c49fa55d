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

from training.data.skeletons import TWO_HANDS, SkeletonLayout
from training.networks.bigru import GRUConfig, GRUReader, merge_other_classes
from training.networks.features import ScaledFeatures
from training.networks.sizes import check_sizes
from training.networks.whitening import join_embeddings


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

    @property
    def readers(self) -> tuple[GRUReader, ...]:
        """The members, each trained on its own prediction."""
        return tuple(member for member in self.members if isinstance(member, GRUReader))

    def forward(self, sequence: Tensor, presence: Tensor) -> Tensor:
        return self.predict(sequence, presence)[0]

    def predict(self, sequence: Tensor, presence: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``(B, num_classes)`` and embedding ``(B, members x pooled)``."""
        pooled = self.pool(sequence, presence)
        each = self._classify(pooled).log_softmax(dim=-1)
        logits = each.logsumexp(dim=0) - math.log(self.config.members)
        embedding = [reader.whitening(states) for reader, states in zip(self.readers, pooled, strict=True)]
        return merge_other_classes(logits, self.config), join_embeddings(torch.stack(embedding))

    def pool(self, sequence: Tensor, presence: Tensor) -> list[Tensor]:
        """The states ``(B, pooled)`` of each member."""
        frames = self.features(sequence, presence)
        return [reader.read(frames) for reader in self.readers]

    def member_logits(self, sequence: Tensor, presence: Tensor) -> Tensor:
        """``(members, B, all classes)``: what each of them says. Each is trained on its own answer."""
        return self._classify(self.pool(sequence, presence))

    def _classify(self, pooled: Sequence[Tensor]) -> Tensor:
        return torch.stack([reader.classify(states) for reader, states in zip(self.readers, pooled, strict=True)])
