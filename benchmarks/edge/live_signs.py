"""Real signs of people the model has never seen, played through the client as a live stream, and the events counted.

    HELEN_DATA_DIR=... python -m benchmarks.edge.live_signs

For each signer a model is trained on the other signers (once, kept under ``benchmarks/out``), then every window of that
signer is played at 30 fps with rests in between: each sign of the common labels should make exactly one event, and
``none`` material none. The client is the real one, from landmarks to events; the model answers in place, so that the
table doesn't depend on this machine's speed. Needs what training needs.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks import OUT, ROOT
from benchmarks.load.results import get_percentile
from benchmarks.tables import format_table
from edge_client.recognition.local_model import LocalModel
from landmarks.recording import NONE
from testkit.edge.player import FPS, REST_FRAMES, Player
from training.data.recordings import read_windows
from training.data.windows import Windows

HEADER: Final = (
    *("held-out signer, frames a sign", "signs", "model right", "one right event", "of those the model gets right"),
    *("no event", "several", "wrong", "median s to event", "false events on none", "a minute"),
)


def find_data() -> Path:
    """The folder of real recordings; ends the program where there is none."""
    if not (folder := os.environ.get("HELEN_DATA_DIR")):
        sys.exit("this plays real recordings: set HELEN_DATA_DIR to the folder that holds them")
    return Path(folder)


def read_signs() -> Windows:
    """The recordings of real signs, windows ``(N, T, 126)``; ends the program where there are none."""
    return read_windows(find_data() / "asl_coffee_hands")


def get_labels(windows: Windows) -> npt.NDArray[np.str_]:
    """The label of each window."""
    return np.asarray(windows.class_labels)[windows.target]


def train_without(signer: str, windows: Windows) -> Path:
    """The folder of a model that was trained without ``signer``, made where it isn't there yet."""
    folder = OUT / "live_signs" / signer
    if (folder / "model" / "card.json").exists():
        return folder / "model"
    (folder / "data").mkdir(parents=True, exist_ok=True)
    others = windows.select(windows.group != signer)
    np.savez(folder / "data" / "others.npz", hands=others.points, label=get_labels(others), signer=others.group)
    out = folder.relative_to(ROOT)
    for command in (
        f"training.train_gru --data_dir {out}/data --max_epochs 15 --batch_size 64 --split none --output_dir {out}",
        f"training.export_onnx --checkpoint {out}/last.ckpt --output {out}/model/model.onnx",
    ):
        print("running", command, file=sys.stderr)
        subprocess.run([sys.executable, "-m", *command.split()], cwd=ROOT, check=True, stdout=sys.stderr)
    return folder / "model"


def play_signer(signer: str, windows: Windows, frames: int, limit: int) -> list[str]:
    """One signer's windows of the common labels as one stream, at ``frames`` frames a sign; a row of the table."""
    common = windows.select_labels(windows.common_labels())
    own = common.select(common.group == signer)
    # The frames nearest in time, as a camera of another rate would catch them.
    kept = np.round(np.linspace(0, own.points.shape[1] - 1, frames)).astype(np.intp)
    hands, labels = own.points[:, kept], get_labels(own)
    order = np.random.default_rng(0).permutation(len(own))
    player = Player(LocalModel.open(train_without(signer, windows)))
    signs = [player.play(hands[i], labels[i]) for i in order[labels[order] != NONE][:limit]]
    rests = [player.play(hands[i]) for i in order[labels[order] == NONE]]
    false_events, minutes = sum(len(rest.events) for rest in rests), len(rests) * (frames + REST_FRAMES) / FPS / 60
    right = [sign for sign in signs if sign.classified == sign.label]
    exact = [sign for sign in signs if sign.events == [sign.label]]
    both = sum(sign.classified == sign.label for sign in exact)
    counts = [len(sign.events) for sign in signs]
    return [
        *(f"{signer}, {frames}", str(len(signs)), f"{len(right) / max(len(signs), 1):.1%}", str(len(exact))),
        *(f"{both} = {both / max(len(right), 1):.1%}", str(counts.count(0)), str(sum(count > 1 for count in counts))),
        *(str(counts.count(1) - len(exact)), f"{get_percentile([sign.delay_s for sign in exact], 0.5):.2f}"),
        *(f"{false_events} in {minutes:.1f} min", f"{false_events / max(minutes, 1e-9):.2f}"),
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--signs", type=int, default=400, help="signs a signer at most (400)")
    parser.add_argument("--frames", type=int, nargs="+", default=[20, 30], help="frames a sign (20 as recorded, 30)")
    options = parser.parse_args()
    windows = read_signs()
    rows = [play_signer(name, windows, frames, options.signs) for frames in options.frames for name in windows.groups]
    print(format_table(HEADER, rows))


if __name__ == "__main__":
    main()
