"""Train the network for shots on labelled windows.

    python -m training.train_tcn --data_dir made_shots --max_epochs 20 --batch_size 16

reads ``DIR/train/*.json`` and ``DIR/val/*.json``, writes the best checkpoint to ``--storage_path`` and prints its path.
Binary cross-entropy for labels, Smooth L1 for ite and delay_ms; what nobody labelled in a window is left out.
"""

import argparse
import datetime
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm  # type: ignore[import-untyped] # its stubs are a package of their own

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from landmarks.model_card import Training
from landmarks.pose import MIRRORED
from training.command import shown_command
from training.shot_checkpoint import write_shot_checkpoint
from training.shot_datasets import ShotDataError, ShotWindows, read_shots
from training.shot_tcn import ShotTCN

LEARNING_RATE: Final = 2e-3
WEIGHT_DECAY: Final = 1e-2
CLIP: Final = 1.0
# The loss's units of ite and delay_ms: errors beyond them count linearly.
ITE: Final = 25.0
DELAY_MS: Final = 100.0
EDGES: Final = 0.35  # the share of a window's frames that training may leave out at its ends


def shot_loss(logits: Tensor, preds: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """BCE of the labels that were given plus Smooth L1 of the targets that were given (NaN: not given)."""
    total = logits.new_zeros(())
    told = ~labels.isnan()
    if told.any():
        total = total + nn.functional.binary_cross_entropy_with_logits(logits[told], labels[told])
    unit = preds.new_tensor([ITE, DELAY_MS])
    known = ~targets.isnan()
    if known.any():
        total = total + nn.functional.smooth_l1_loss((preds / unit)[known], (targets / unit)[known])
    return total


def varied(x: Tensor, draws: torch.Generator) -> Tensor:
    """A batch ``(B, T, 33, 3)`` mirrored in half of its windows, placed and sized a little differently, and cut.

    The cut takes up to ``EDGES`` of the frames, more at one end or the other: a release is never exactly where the
    window says, and a service may be asked for other windows.
    """
    count, frames = x.shape[:2]
    kept = int(torch.randint(math.ceil(frames * (1 - EDGES)), frames + 1, (1,), generator=draws))
    first = torch.randint(0, frames - kept + 1, (count, 1), generator=draws)
    out = x[torch.arange(count)[:, None], first + torch.arange(kept)]
    flip = torch.rand(count, generator=draws) < 0.5
    mirrored = out[flip][:, :, list(MIRRORED)]
    mirrored[..., 0] = 1 - mirrored[..., 0]
    out[flip] = mirrored
    size = torch.exp(0.1 * torch.randn(count, 1, 1, 2, generator=draws))
    out[..., :2] = (out[..., :2] - 0.5) * size + 0.5 + 0.05 * torch.randn(count, 1, 1, 2, generator=draws)
    return out


def fit(
    train: ShotWindows, val: ShotWindows, *, epochs: int, batch_size: int, seed: int
) -> tuple[ShotTCN, list[float]]:
    """Train; returns the network of the epoch with the lowest validation loss, and each epoch's validation loss."""
    torch.manual_seed(seed)
    draws = torch.Generator().manual_seed(seed)
    network = ShotTCN()
    x, labels, targets = (torch.from_numpy(array) for array in (train.x, train.labels, train.targets))
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = epochs * -(-len(train) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1)
    best, losses = network.state_dict(), []
    with tqdm(total=steps, unit=" steps") as bar:
        for _ in range(epochs):
            network.train()
            for chosen in torch.split(torch.randperm(len(x), generator=draws), batch_size):
                logits, preds = network(varied(x[chosen], draws))
                loss = shot_loss(logits, preds, labels[chosen], targets[chosen])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(network.parameters(), CLIP)
                optimizer.step()
                schedule.step()
                bar.update()
            losses.append(validation_loss(network, val))
            bar.set_postfix(val_loss=f"{losses[-1]:.4f}")
            if losses[-1] <= min(losses):
                best = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(best)
    return network.eval(), losses


def validation_loss(network: ShotTCN, val: ShotWindows) -> float:
    """The loss on windows as they are."""
    logits, preds = answers(network, val)
    return float(shot_loss(logits, preds, torch.from_numpy(val.labels), torch.from_numpy(val.targets)))


def answers(network: ShotTCN, windows: ShotWindows) -> tuple[Tensor, Tensor]:
    """Logits ``(N, 4)`` and preds ``(N, 2)`` of all windows."""
    network.eval()
    with torch.no_grad():
        parts = [network(part) for part in torch.split(torch.from_numpy(windows.x), 256)]
    return torch.cat([logits for logits, _ in parts]), torch.cat([preds for _, preds in parts])


def main(arguments: Sequence[str] | None = None) -> Path:
    """Command line; returns the checkpoint to export."""
    parser = argparse.ArgumentParser(prog="python -m training.train_tcn", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data_dir", type=Path, required=True, help="folder with train and val")
    parser.add_argument("--max_epochs", type=int, default=20)
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--storage_path", type=Path, default=Path("runs/shot"))
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch")
    parser.add_argument("--data_name", help="what the card calls the data (default: the folder's name)")
    parser.add_argument("--licence", default="not stated", help="the data's licence, for the card")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        train, val = read_shots(options.data_dir / "train"), read_shots(options.data_dir / "val")
    except ShotDataError as error:
        sys.exit(f"train_tcn: {error}")
    network, losses = fit(train, val, epochs=options.max_epochs, batch_size=options.batch_size, seed=options.seed)
    training = Training(
        data=options.data_name or options.data_dir.resolve().name,
        licence=options.licence,
        split=f"the data's own: {len(train)} windows to train, {len(val)} to choose the epoch",
        command=shown_command("training.train_tcn", arguments),
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
    )
    path: Path = options.storage_path / "best.ckpt"
    write_shot_checkpoint(network, training, path)
    sys.stdout.write(f"{path}: validation loss {np.min(losses):.4f} in epoch {int(np.argmin(losses)) + 1}\n")
    return path


if __name__ == "__main__":
    main()
