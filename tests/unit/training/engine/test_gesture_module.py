from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import lightning as L
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from landmarks.models.card import Training
from training.data.windows import Windows
from training.engine.checkpoints import CheckpointMetadata, read_checkpoint
from training.engine.config import CONFIGS, TrainingConfig
from training.engine.gesture_module import GestureModule, build_network, to_dataset
from training.engine.module import fit
from training.engine.static_negatives import explain_no_static_negatives
from training.synthetic.hands import make_windows

NETWORKS = ("ensemble", "bigru", "tcn")
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers", "ignore:.*LeafSpec", "ignore:.*val_dataloader"
)


def made(*, none: bool = True) -> Windows:
    """Made windows whose gesture made-wave is called none, or isn't there."""
    arrays = make_windows(windows_each=4, signers=2, frames=20, seed=0)
    names = np.where(arrays["label"] == "made-wave", "none", arrays["label"]).astype(np.str_)
    keep = np.full(len(names), True) if none else names != "none"
    labels, target = np.unique(names[keep], return_inverse=True)
    hands, signer = arrays["hands"][keep].astype(np.float32), arrays["signer"][keep].astype(np.str_)
    return Windows(hands, target.astype(np.int64), tuple(labels.tolist()), signer, "signer")


def trainer(**options: Any) -> L.Trainer:
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False, "accelerator": "cpu"}
    return L.Trainer(max_epochs=1, **{"enable_checkpointing": False, **quiet, **options})


@pytest.mark.parametrize("architecture", NETWORKS)
def test_what_is_trained_is_read_back_as_it_was(architecture: str, tmp_path: Path) -> None:
    windows = made()
    config = CONFIGS[architecture]
    metadata = CheckpointMetadata(
        class_labels=windows.class_labels,
        seq_len=20,
        min_seq_len=6,
        use_z=False,
        normalization=config.normalization,
        training=Training(data="made", licence="made", split="made", command="made", date="made"),
    )
    saving = ModelCheckpoint(dirpath=tmp_path, filename="made")
    run = trainer(callbacks=[saving], enable_checkpointing=True)
    module = fit(
        lambda: GestureModule(build_network(config, windows), config, windows, 0, metadata),
        to_dataset(windows, config, for_augmentation=True),
        None,
        seed=0,
        batch_size=16,
        trainer=run,
    )
    checkpoint = read_checkpoint(tmp_path / "made.ckpt")
    assert (checkpoint.architecture, checkpoint.metadata) == (architecture, metadata)
    hands, presence = torch.rand(3, 20, 84), torch.ones(3, 20, 2)
    with torch.no_grad():
        torch.testing.assert_close(checkpoint.network(hands, presence), module.network(hands, presence))


class Seen(torch.nn.Module):
    """A network that notes the batches it is given."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(classes))
        self.batches: list[torch.Tensor] = []

    def forward(self, sequence: torch.Tensor, presence: torch.Tensor) -> torch.Tensor:
        self.batches.append(sequence)
        return self.weight.expand(len(sequence), -1)

    def member_logits(self, sequence: torch.Tensor, presence: torch.Tensor) -> torch.Tensor:
        return self.forward(sequence, presence)[None]


def steps_on(windows: Windows, config: TrainingConfig) -> list[torch.Tensor]:
    seen = Seen(len(windows.class_labels) + len(windows.other_labels))
    module = GestureModule(seen, config, windows, seed=0)  # type: ignore[arg-type]
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    module.training_step(tuple(to_dataset(windows, config, for_augmentation=True).tensors), 0)  # type: ignore[arg-type]
    return seen.batches


MANY: Final = tuple("abcdefgh")  # other signs, without which there are too few


def test_a_share_of_the_gestures_is_shown_held_still_as_none() -> None:
    windows = replace(made(), other_labels=MANY)
    gestures = int((windows.target != windows.class_labels.index("none")).sum())
    (batch,) = steps_on(windows, replace(CONFIGS["bigru"], static_negative_ratio=1.0))
    assert len(batch) == len(windows) + gestures
    moved = batch.diff(dim=1).abs().flatten(1).mean(dim=1)
    assert moved[len(windows) :].median() < moved[: len(windows)].median()


def test_nothing_is_held_still_where_there_are_few_signs() -> None:
    windows = made()
    assert "too few" in explain_no_static_negatives(windows)
    (batch,) = steps_on(windows, replace(CONFIGS["bigru"], static_negative_ratio=1.0))
    assert len(batch) == len(windows)


def test_nothing_is_held_still_where_the_vocabulary_has_no_none() -> None:
    windows = replace(made(none=False), other_labels=MANY)
    (batch,) = steps_on(windows, replace(CONFIGS["bigru"], static_negative_ratio=1.0))
    assert len(batch) == len(windows)


def test_nothing_is_held_still_where_a_label_is_itself_still() -> None:
    windows = replace(made(), other_labels=MANY)
    still = windows.target == windows.class_labels.index("made-grab")
    windows.points[still] = windows.points[still][:, :1]
    (batch,) = steps_on(windows, replace(CONFIGS["bigru"], static_negative_ratio=1.0))
    assert len(batch) == len(windows)


def member_gradients(windows: Windows, *, others_say: float) -> torch.Tensor:
    """The gradient of the first member's output layer after a step, the other members biased towards a class."""
    torch.manual_seed(0)
    module = GestureModule(build_network(CONFIGS["ensemble"], windows), CONFIGS["ensemble"], windows, 0)
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    first, *others = (module.network.get_submodule(f"members.{index}.head.2") for index in range(3))
    for other in others:
        torch.nn.init.constant_(other.bias[:1], others_say)  # type: ignore[index]
    batch = to_dataset(windows, module.config, for_augmentation=True).tensors
    module.training_step(batch, 0).backward()  # type: ignore[arg-type,no-untyped-call]
    gradient = first.weight.grad
    assert isinstance(gradient, torch.Tensor)
    return gradient


def test_each_member_of_an_ensemble_learns_from_its_own_answer() -> None:
    windows = made()
    assert torch.equal(member_gradients(windows, others_say=0.0), member_gradients(windows, others_say=9.0))
