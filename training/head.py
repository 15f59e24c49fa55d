"""From a window's embedding to logits, where what resembles no class goes to ``none``: the end of both networks."""

from typing import Final

import torch
from torch import Tensor, nn

from training.rejection import NearestClass, Scatter

# Label smoothing keeps the likeliest class below 0.95, where the edge's trigger begins. This sharpens the answers
# back. The three numbers were chosen in development: on one held-out signer and labels that no reported figure uses.
TEMPERATURE: Final = 0.6
# The odds of an unknown sign are exp(SLOPE (distance − LIMIT)).
SLOPE: Final = 2.0
LIMIT: Final = 5.0
# Distances beyond this are all the same: certainly unknown.
FAR: Final = 2 * LIMIT


class GestureHead(nn.Module):
    """LayerNorm, dropout and a linear layer; with ``none``, the index of that class, also the way to reject.

    In evaluation an unknown sign is one more class, whose odds against all others follow from the window's distance
    from the nearest class (``NearestClass``), and whose probability is added to that of ``none``.
    """

    def __init__(self, width: int, look: int, classes: int, none: int | None, dropout: float = 0.4) -> None:
        super().__init__()
        self.none = none
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(width, classes)
        self.nearest = None if none is None else NearestClass(width, look, classes - 1)

    def forward(self, embedding: Tensor, look: Tensor) -> Tensor:
        """``norm``-alised embedding ``(B, width)`` and look ``(B, look)`` to logits ``(B, classes)``."""
        logits: Tensor = self.linear(self.dropout(embedding))
        if self.training:
            return logits
        logits = logits / TEMPERATURE
        if self.none is None or self.nearest is None:
            return logits
        distance = self.nearest(embedding, look).clamp(max=FAR)
        unknown = logits.logsumexp(dim=-1) + SLOPE * (distance - LIMIT)
        none = torch.logsumexp(torch.stack([logits[:, self.none], unknown], dim=-1), dim=-1, keepdim=True)
        return torch.cat([logits[:, : self.none], none, logits[:, self.none + 1 :]], dim=-1)

    def fit(self, scatter: Scatter) -> None:
        """Learn from one epoch's windows what a known one is like."""
        if self.nearest is not None:
            words = [index for index in range(self.linear.out_features) if index != self.none]
            self.nearest.fit(scatter, torch.tensor(words))
