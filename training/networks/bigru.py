"""The two recurrent gesture networks: the one Helen trains, and the source system's as it was.

Both map ``sequence (B, T, F)`` and ``presence (B, T, 2)`` to logits ``(B, classes)``. Training and export use them;
they know nothing of files or losses.
"""

import math
from dataclasses import dataclass
from typing import Any, Final, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from training.data.skeletons import TWO_HANDS, SkeletonLayout
from training.networks.features import ScaledFeatures
from training.networks.sizes import check_other_classes, check_sizes

HEAD_DROPOUT: Final = 0.4
OTHER_WEIGHT: Final = 0.3


@dataclass(frozen=True)
class GRUConfig:
    """Sizes of a recurrent network, named as in the source system's checkpoints.

    ``other_classes`` are signs that it learns to tell apart beside its ``num_classes`` labels, and has no label for.
    """

    input_dim: int
    num_classes: int
    hidden_dim: int = 128
    num_layers: int = 2
    dropout: float = 0.3
    bidirectional: bool = True
    other_classes: int = 0

    def __post_init__(self) -> None:
        check_sizes(self, input_dim=4096, num_classes=10_000, hidden_dim=4096, num_layers=16)
        check_other_classes(self.other_classes)
        if not isinstance(self.bidirectional, bool):
            raise ValueError(f"bidirectional is {self.bidirectional!r}, expected true or false")


class Classes(Protocol):
    """How many classes a network has: those with a label, of which ``none`` is the last, and others."""

    @property
    def num_classes(self) -> int: ...

    @property
    def other_classes(self) -> int: ...


class GRUReader(nn.Module):
    """Features ``(B, T, width)`` → bidirectional GRU → a head that reads its two ends and its mean over time."""

    def __init__(self, config: GRUConfig, width: int) -> None:
        super().__init__()
        self.gru = _gru(config, width)
        pooled = 2 * config.hidden_dim * (2 if config.bidirectional else 1)
        self.head = gesture_head(pooled, config.num_classes + config.other_classes)

    def pool(self, frames: Tensor) -> Tensor:
        """The normalised states ``(B, pooled)`` that the linear layer reads."""
        states, last = self.gru(frames.transpose(0, 1))
        directions = 2 if self.gru.bidirectional else 1
        ends = last[-directions:].transpose(0, 1).flatten(1)
        pooled: Tensor = self.head[0](torch.cat([ends, states.mean(dim=0)], dim=-1))
        return pooled

    def classify(self, pooled: Tensor) -> Tensor:
        """Pooled states to logits of all classes, ``(B, num_classes + other_classes)``."""
        logits: Tensor = self.head[1:](pooled)
        return logits


class GestureGRU(GRUReader):
    """Raw landmarks → features → ``GRUReader``; its weights have no other prefix than in older checkpoints."""

    def __init__(self, config: GRUConfig, layout: SkeletonLayout = TWO_HANDS) -> None:
        super().__init__(config, layout.features)
        self.config = config
        self.features = ScaledFeatures(layout)

    def forward(self, sequence: Tensor, presence: Tensor) -> Tensor:
        return self.predict(sequence, presence)[0]

    def predict(self, sequence: Tensor, presence: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``(B, num_classes)`` and embedding ``(B, pooled)``."""
        pooled = self.pool(self.features(sequence, presence))
        return merge_other_classes(self.classify(pooled), self.config), normalize(pooled, dim=-1)

    def member_logits(self, sequence: Tensor, presence: Tensor) -> Tensor:
        """``(1, B, all classes)``, as of an ensemble of one."""
        return self.classify(self.pool(self.features(sequence, presence)))[None]


def merge_other_classes(logits: Tensor, config: Classes) -> Tensor:
    """Logits of all classes to those of the labels: signs without a label count as ``none``, the last one.

    They count less than ``none`` itself: there are many of them, and each takes from the labels what resembles it.
    """
    if not config.other_classes:
        return logits
    known = config.num_classes - 1
    labels, none, others = logits[:, :known], logits[:, known : known + 1], logits[:, known + 1 :]
    rest = torch.cat([none, others + math.log(OTHER_WEIGHT)], dim=-1).logsumexp(dim=-1, keepdim=True)
    return torch.cat([labels, rest], dim=-1)


def gesture_head(width: int, classes: int) -> nn.Sequential:
    """What both families end in: pooled states ``(B, width)`` to logits."""
    return nn.Sequential(nn.LayerNorm(width), nn.Dropout(HEAD_DROPOUT), nn.Linear(width, classes))


class LegacyGRU(nn.Module):
    """The source system's network: GRU over the tensors as they come, last time step → LayerNorm → Dropout → Linear.

    Its clients send hand-box-normalised points. Presence is not used.
    """

    def __init__(self, config: GRUConfig) -> None:
        super().__init__()
        self.config = config
        self.gru = _gru(config, config.input_dim)
        width = config.hidden_dim * (2 if config.bidirectional else 1)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)
        self.linear = nn.Linear(width, config.num_classes)

    def forward(self, sequence: Tensor, presence: Tensor | None = None) -> Tensor:
        return self.predict(sequence)[0]

    def predict(self, sequence: Tensor, presence: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits ``(B, num_classes)`` and embedding ``(B, pooled)``."""
        states, _ = self.gru(sequence.transpose(0, 1))
        pooled = self.norm(states[-1])
        return self.linear(self.dropout(pooled)), normalize(pooled, dim=-1)

    def member_logits(self, sequence: Tensor, presence: Tensor | None = None) -> Tensor:
        """``(1, B, num_classes)``, as of an ensemble of one."""
        return self.predict(sequence)[0][None]


class TrimmedLegacyGRU(nn.Module):
    """``LegacyGRU`` for export: the same function with less work.

    The head reads the last time step only. There the last layer's backward direction has read a single frame, so one
    step of it replaces T steps. ``sequence (B, T, F)`` to logits ``(B, classes)``; inference only.
    """

    def __init__(self, network: LegacyGRU) -> None:
        super().__init__()
        config, weights = network.config, network.gru.state_dict()
        top = config.num_layers - 1
        directions = 2 if config.bidirectional else 1
        self.lower: nn.GRU | None = None
        if top:
            self.lower = nn.GRU(config.input_dim, config.hidden_dim, num_layers=top, bidirectional=config.bidirectional)
            self.lower.load_state_dict({name: weights[name] for name in self.lower.state_dict()})
        width = config.hidden_dim * directions if top else config.input_dim
        self.onward = _one_direction(weights, width, config.hidden_dim, f"_l{top}")
        self.back = _one_direction(weights, width, config.hidden_dim, f"_l{top}_reverse") if directions == 2 else None
        self.norm, self.linear = network.norm, network.linear

    def forward(self, sequence: Tensor) -> Tensor:
        return self.predict(sequence)[0]

    def predict(self, sequence: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``(B, num_classes)`` and embedding ``(B, pooled)``."""
        states = sequence.transpose(0, 1)
        if self.lower is not None:
            states, _ = self.lower(states)
        _, last = self.onward(states)
        if self.back is not None:
            _, one_step = self.back(states[-1:])
            last = torch.cat([last, one_step], dim=-1)
        pooled = self.norm(last[0])
        return self.linear(pooled), normalize(pooled, dim=-1)


def _gru(config: GRUConfig, width: int) -> nn.GRU:
    return nn.GRU(
        width,
        config.hidden_dim,
        num_layers=config.num_layers,
        dropout=config.dropout if config.num_layers > 1 else 0.0,
        bidirectional=config.bidirectional,
    )


def _one_direction(weights: dict[str, Any], width: int, hidden: int, suffix: str) -> nn.GRU:
    gru = nn.GRU(width, hidden)
    gru.load_state_dict({name: weights[name.removesuffix("_l0") + suffix] for name in gru.state_dict()})
    return gru
