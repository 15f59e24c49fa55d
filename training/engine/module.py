"""What every training has in common: the module that gesture and shot networks are trained by, and the fit itself.

Its random numbers go into its checkpoints, so that a resumed run ends as it would have. Knows no data and no loss.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from training.engine.checkpoints import CheckpointMetadata, describe_network
from training.networks.architectures import Network
from training.networks.shot_tcn import ShotTCN

VALIDATION_BATCH = 256


class TrainingModule(L.LightningModule):
    """Draws from ``augmentation_rng`` and ``order_rng`` (of the windows in an epoch), both begun from ``seed``.

    ``metadata`` goes into the checkpoints, for the card; without it there are none.
    """

    def __init__(self, network: Network | ShotTCN, seed: int, metadata: CheckpointMetadata | None) -> None:
        super().__init__()
        self.network, self.seed, self.metadata = network, seed, metadata
        self.augmentation_rng = torch.Generator().manual_seed(seed)
        self.order_rng = torch.Generator().manual_seed(seed)
        self._resumed_rng: Tensor | None = None

    def on_train_start(self) -> None:
        """Go on with the random numbers of the checkpoint."""
        if self._resumed_rng is not None:
            torch.set_rng_state(self._resumed_rng)
        if self.global_rank:  # checkpoints are the first worker's; each of the others draws numbers of its own
            own = np.random.SeedSequence((self.seed, self.global_rank, self.current_epoch)).generate_state(2)
            torch.manual_seed(int(own[0]))
            self.augmentation_rng.manual_seed(int(own[1]))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.metadata is not None:
            checkpoint |= describe_network(self.network, self.metadata)
        checkpoint["random"] = {
            "draws": self.augmentation_rng.get_state(),
            "order": self.order_rng.get_state(),
            "torch": torch.get_rng_state(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.augmentation_rng.set_state(checkpoint["random"]["draws"])
        self.order_rng.set_state(checkpoint["random"]["order"])
        self._resumed_rng = checkpoint["random"]["torch"]


Module = TypeVar("Module", bound=TrainingModule)


def fit(
    build: Callable[[], Module],
    train: TensorDataset,
    validation: TensorDataset | None,
    *,
    seed: int,
    batch_size: int,
    trainer: L.Trainer,
    resume_from: str | None = None,
) -> Module:
    """Train a module, fresh or from the checkpoint ``resume_from``, and return it with its network ready to answer.

    Args:
        build: makes the module; the weights it starts from follow from ``seed``.
        train: what its ``training_step`` takes.
        validation: what its ``validation_step`` takes, or None.
        seed: of weights, order and augmentation.
        batch_size: windows a step, whatever number of workers shares it.
        trainer: says for how long, and where to log.
        resume_from: a checkpoint's path or URI.
    """
    L.seed_everything(seed, verbose=False)
    module = build()
    loader = DataLoader(train, max(1, batch_size // trainer.world_size), shuffle=True, generator=module.order_rng)
    validation_loader = None if validation is None else DataLoader(validation, VALIDATION_BATCH)
    trainer.fit(module, loader, validation_loader, ckpt_path=resume_from, weights_only=True)
    module.network.eval()
    return module
