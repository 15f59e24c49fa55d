"""A Lightning module whose random numbers go into its checkpoints, so that a resumed run ends as it would have.

The gesture and the shot network are trained by modules of this kind. Knows nothing of networks or data.
"""

from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor


class SeededModule(L.LightningModule):
    """Draws from ``draws`` (augmentation) and ``order`` (of the windows in an epoch), both begun from ``seed``."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.draws = torch.Generator().manual_seed(seed)
        self.order = torch.Generator().manual_seed(seed)
        self._resumed: Tensor | None = None

    def on_train_start(self) -> None:
        """Go on with the random numbers of the checkpoint."""
        if self._resumed is not None:
            torch.set_rng_state(self._resumed)
        if self.global_rank:  # checkpoints are the first worker's; each of the others draws numbers of its own
            own = np.random.SeedSequence((self.seed, self.global_rank, self.current_epoch)).generate_state(2)
            torch.manual_seed(int(own[0]))
            self.draws.manual_seed(int(own[1]))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["random"] = {
            "draws": self.draws.get_state(),
            "order": self.order.get_state(),
            "torch": torch.get_rng_state(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.draws.set_state(checkpoint["random"]["draws"])
        self.order.set_state(checkpoint["random"]["order"])
        self._resumed = checkpoint["random"]["torch"]
