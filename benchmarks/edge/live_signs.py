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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

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
HEADER: Final = (
    *("held-out signer, frames a sign", "signs", "model right", "one right event", "of those the model gets right"),
    *("no event", "several", "wrong", "median s to event", "false events on none", "a minute"),
)


@dataclass
class Tally:
    """What one signer's stream brought."""

    signs: int = 0
    model_right: int = 0
    one_right: int = 0
    one_right_of_model_right: int = 0
    no_event: int = 0
    several: int = 0
    wrong: int = 0
    minutes_of_none: float = 0.0
    events_on_none: int = 0
    delays_s: list[float] = field(default_factory=list)

    def add_sign(self, label: str, events: list[str], delay_s: float, *, model_right: bool) -> None:
        exactly = events == [label]
        self.signs += 1
        self.model_right += model_right
        self.one_right += exactly
        self.one_right_of_model_right += exactly and model_right
        self.no_event += not events
        self.several += len(events) > 1
        self.wrong += len(events) == 1 and not exactly
        if exactly:
            self.delays_s.append(delay_s)

    def format_row(self, name: str) -> list[str]:
        of_right = self.one_right_of_model_right / max(self.model_right, 1)
        return [
            *(name, str(self.signs), f"{self.model_right / max(self.signs, 1):.1%}", str(self.one_right)),
            f"{self.one_right_of_model_right} = {of_right:.1%}",
            *(str(self.no_event), str(self.several), str(self.wrong), f"{get_percentile(self.delays_s, 0.5):.2f}"),
            f"{self.events_on_none} in {self.minutes_of_none:.1f} min",
            f"{self.events_on_none / max(self.minutes_of_none, 1e-9):.2f}",
        ]


class Player:
    """A client with the model in place, and the time of its stream."""

    def __init__(self, model: LocalModel) -> None:
        self._model = model
        self._pipeline = Pipeline(Settings(), SynchronousRecogniser(model), None, publish=lambda event: None)
        self._time_s = 0.0
        self.delay_s = 0.0  # from the start of what was played last to its last event

    def play(self, hands: Array) -> list[str]:
        """Play ``(T, 126)`` and a rest; the labels of the events."""
        events = []
        began_s = self._time_s
        absent = np.zeros((REST_FRAMES, 2, 21, 3), dtype=np.float32)
        for frame in (*hands.reshape(-1, 2, 21, 3), *absent):
            for event in self._pipeline.step(Frame(self._time_s, hands=to_detections(frame))):
                events.append(event.gesture)
                self.delay_s = self._time_s - began_s
            self._time_s += 1 / FPS
        return events

    def classify(self, hands: Array) -> str:
        """The model's label for the whole window."""
        stats = WindowStats(0, len(hands), 1.0, 1.0, 1.0)
        prediction = self._model.predict(Window(hands, compute_presence(hands), stats, 0.0))
        return prediction.labels[int(prediction.probabilities.argmax())]


def find_recordings() -> Path:
    """The file of real signs; ends the program where there is none."""
    folder = os.environ.get("HELEN_DATA_DIR")
    if not folder:
        sys.exit("this plays real recordings: set HELEN_DATA_DIR to the folder that holds them")
    return Path(folder) / "asl_coffee_hands" / "asl_coffee_hands.npz"


def train_without(signer: str, data: Path) -> Path:
    """The folder of a model that was trained without ``signer``, made where it isn't there yet."""
    folder = OUT / "live_signs" / signer
    if (folder / "model" / "card.json").exists():
        return folder / "model"
    (folder / "data").mkdir(parents=True, exist_ok=True)
    with np.load(data, allow_pickle=False) as arrays:
        others = arrays["signer"] != signer
        np.savez(
            folder / "data" / "others.npz", **{name: arrays[name][others] for name in ("hands", "label", "signer")}
        )
    train = ["training.train_gru", "--data_dir", str(folder / "data"), "--max_epochs", "15", "--batch_size", "64"]
    export = ["training.export_onnx", "--checkpoint", str(folder / "last.ckpt")]
    export += ["--output", str(folder / "model" / "model.onnx")]
    for module in ([*train, "--split", "none", "--output_dir", str(folder)], export):
        print("running", *module, file=sys.stderr)
        subprocess.run([sys.executable, "-m", *module], cwd=ROOT, check=True, stdout=sys.stderr)
    return folder / "model"


def play_signer(signer: str, data: Path, frames: int, limit: int) -> Tally:
    """One signer's windows as one stream, resampled to ``frames`` frames a sign."""
    with np.load(data, allow_pickle=False) as arrays:
        signers, labels = arrays["signer"], arrays["label"]
        common = [label for label in np.unique(labels) if len(set(signers[labels == label])) == len(set(signers))]
        own = (signers == signer) & np.isin(labels, common)
        hands, labels = resample(arrays["hands"][own], frames), labels[own]
    order = np.random.default_rng(0).permutation(len(hands))
    player, tally = Player(LocalModel.open(train_without(signer, data))), Tally()
    for index in [i for i in order if labels[i] != "none"][:limit]:
        label, events = str(labels[index]), player.play(hands[index])
        tally.add_sign(label, events, player.delay_s, model_right=player.classify(hands[index]) == label)
    for index in [i for i in order if labels[i] == "none"]:
        tally.minutes_of_none += (frames + REST_FRAMES) / FPS / 60
        tally.events_on_none += len(player.play(hands[index]))
    return tally


def resample(hands: Array, frames: int) -> Array:
    """``(N, T, 126)`` at another length: the frames nearest in time, as a camera of another rate would catch them."""
    return hands[:, np.round(np.linspace(0, hands.shape[1] - 1, frames)).astype(np.intp)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--signs", type=int, default=400, help="signs a signer at most (400)")
    parser.add_argument("--frames", type=int, nargs="+", default=[20, 30], help="frames a sign (20 as recorded, 30)")
    options = parser.parse_args()
    data = find_recordings()
    with np.load(data, allow_pickle=False) as arrays:
        signers = sorted(set(arrays["signer"].tolist()))
    rows = []
    for frames in options.frames:
        for signer in signers:
            rows.append(play_signer(signer, data, frames, options.signs).format_row(f"{signer}, {frames}"))
            print(*rows[-1], sep=" | ", flush=True)
    print(f"\n{format_table(HEADER, rows)}")


if __name__ == "__main__":
    main()
