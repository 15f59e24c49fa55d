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
from typing import Final, NamedTuple

import numpy as np

from benchmarks import OUT, ROOT
from benchmarks.load.results import get_percentile
from benchmarks.tables import format_table
from edge_client.capture.frames import Frame
from edge_client.capture.recording import to_detections
from edge_client.pipeline import Pipeline
from edge_client.recognition.local_model import LocalModel
from edge_client.settings import Settings
from edge_client.types import Window, WindowStats
from landmarks.hands import Array, compute_presence
from testkit.edge.synchronous_recogniser import SynchronousRecogniser

FPS: Final = 30.0
REST_FRAMES: Final = 45
NONE: Final = "none"
HEADER: Final = (
    *("held-out signer, frames a sign", "signs", "model right", "one right event", "of those the model gets right"),
    *("no event", "several", "wrong", "median s to event", "false events on none", "a minute"),
)


class PlayedSign(NamedTuple):
    """A sign that was played: its label, the model's for the whole window, the events, and seconds to the last one."""

    label: str
    classified: str
    events: list[str]
    delay_s: float


class Player:
    """A client with the model in place, and the time of its stream."""

    def __init__(self, model: LocalModel, settings: Settings | None = None) -> None:
        self._model = model
        self._pipeline = Pipeline(
            settings or Settings(), SynchronousRecogniser(model), None, publish=lambda event: None
        )
        self._time_s = 0.0

    def play(self, hands: Array, label: str = "") -> PlayedSign:
        """Play ``(T, 126)`` and a rest."""
        events = []
        began_s, last_s = self._time_s, self._time_s
        absent = np.zeros((REST_FRAMES, 2, 21, 3), dtype=np.float32)
        for frame in (*hands.reshape(-1, 2, 21, 3), *absent):
            for event in self._pipeline.step(Frame(self._time_s, hands=to_detections(frame))):
                events.append(event.gesture)
                last_s = self._time_s
            self._time_s += 1 / FPS
        window = Window(hands, compute_presence(hands), WindowStats(0, len(hands), 1.0, 1.0, 1.0), 0.0)
        prediction = self._model.predict(window)
        classified = prediction.labels[int(prediction.probabilities.argmax())]
        return PlayedSign(label, classified, events, last_s - began_s)


def find_data() -> Path:
    """The folder of real signs; ends the program where there is none."""
    folder = os.environ.get("HELEN_DATA_DIR")
    if not folder:
        sys.exit("this plays real recordings: set HELEN_DATA_DIR to the folder that holds them")
    return Path(folder)


def find_recordings() -> Path:
    """The file of the coffee shop's signs; ends the program where there is none."""
    return find_data() / "asl_coffee_hands" / "asl_coffee_hands.npz"


def read_recordings(path: Path) -> tuple[Array, Array, Array]:
    """Windows ``(N, T, 126)``, and the label and signer of each."""
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["hands"], arrays["label"], arrays["signer"]


def train_without(signer: str, path: Path) -> Path:
    """The folder of a model that was trained without ``signer``, made where it isn't there yet."""
    folder = OUT / "live_signs" / signer
    if (folder / "model" / "card.json").exists():
        return folder / "model"
    (folder / "data").mkdir(parents=True, exist_ok=True)
    hands, labels, signers = read_recordings(path)
    others = signers != signer
    np.savez(folder / "data" / "others.npz", hands=hands[others], label=labels[others], signer=signers[others])
    out = folder.relative_to(ROOT)
    for command in (
        f"training.train_gru --data_dir {out}/data --max_epochs 15 --batch_size 64 --split none --output_dir {out}",
        f"training.export_onnx --checkpoint {out}/last.ckpt --output {out}/model/model.onnx",
    ):
        print("running", command, file=sys.stderr)
        subprocess.run([sys.executable, "-m", *command.split()], cwd=ROOT, check=True, stdout=sys.stderr)
    return folder / "model"


def play_signer(signer: str, path: Path, frames: int, limit: int) -> list[str]:
    """One signer's windows as one stream, at ``frames`` frames a sign; a row of the table."""
    hands, labels, signers = read_recordings(path)
    everyone = set(signers)
    common = [label for label in np.unique(labels) if set(signers[labels == label]) == everyone]
    own = (signers == signer) & np.isin(labels, common)
    # The frames nearest in time, as a camera of another rate would catch them.
    kept = np.round(np.linspace(0, hands.shape[1] - 1, frames)).astype(np.intp)
    hands, labels = hands[own][:, kept], labels[own]
    order = np.random.default_rng(0).permutation(len(hands))
    player = Player(LocalModel.open(train_without(signer, path)))
    signs = [player.play(hands[i], str(labels[i])) for i in [i for i in order if labels[i] != NONE][:limit]]
    false = [player.play(hands[i]).events for i in order if labels[i] == NONE]
    return format_row(
        f"{signer}, {frames}", signs, sum(map(len, false)), len(false) * (frames + REST_FRAMES) / FPS / 60
    )


def format_row(name: str, signs: list[PlayedSign], false_events: int, minutes: float) -> list[str]:
    """What one signer's stream brought, with the events in so many minutes of ``none``."""
    right = [sign for sign in signs if sign.classified == sign.label]
    exact = [sign for sign in signs if sign.events == [sign.label]]
    both = sum(sign.events == [sign.label] for sign in right)
    counts = [len(sign.events) for sign in signs]
    return [
        *(name, str(len(signs)), f"{len(right) / max(len(signs), 1):.1%}", str(len(exact))),
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
    path = find_recordings()
    signers = sorted(set(read_recordings(path)[2].tolist()))
    rows = [play_signer(signer, path, frames, options.signs) for frames in options.frames for signer in signers]
    print(format_table(HEADER, rows))


if __name__ == "__main__":
    main()
