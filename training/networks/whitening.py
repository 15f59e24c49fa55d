"""Whitening: pooled states of a network as unit vectors in which windows of one sign lie close together.

Fitted in closed form to a trained network; it is part of the exported graph. Training calls ``fit`` before a checkpoint
is written.
"""

from typing import Final

import torch
from torch import Tensor, nn

# The share of an even spread in the covariance, without which directions that hardly vary would be blown up.
SHRINKAGE: Final = 0.1


class Whitening(nn.Module):
    """States ``(..., W)`` to unit vectors ``(..., W)``; before ``fit``, each state divided by its length.

    The covariance within classes becomes the identity (WCCN: Hatch, Kajarekar, Stolcke 2006), so that what differs
    between two recordings of a sign, such as its speed, counts least.
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("matrix", torch.eye(width))

    def fit(self, states: Tensor, target: Tensor) -> None:
        """Take mean and covariance from states ``(N, W)`` of windows whose classes are ``target`` ``(N,)``."""
        states = states.double()
        classes, index = target.unique(return_inverse=True)
        sums = torch.zeros(len(classes), states.shape[1], dtype=states.dtype).index_add_(0, index, states)
        within = states - (sums / torch.bincount(index)[:, None])[index]
        covariance = within.T @ within / len(states)
        width = len(covariance)
        spread = covariance.trace().clamp(min=1e-9) / width
        covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * spread * torch.eye(width, dtype=states.dtype)
        values, vectors = torch.linalg.eigh(covariance)
        # In place: a checkpoint that is being written shares this memory.
        self.mean.copy_(states.mean(dim=0))
        self.matrix.copy_(vectors / values.sqrt())

    def forward(self, states: Tensor) -> Tensor:
        return nn.functional.normalize((states - self.mean) @ self.matrix, dim=-1)


def join_embeddings(states: Tensor) -> Tensor:
    """Unit vectors of several members ``(M, B, W)`` as one ``(B, M W)``: its cosines are the means of theirs."""
    return states.transpose(0, 1).flatten(1) / len(states) ** 0.5
