"""Real signs of people the model has never seen, played through the client as a live stream, and the events counted.

    HELEN_DATA_DIR=... python -m bench.live_signs

For each signer a model is trained on the other signers (once, kept under ``bench/out``), then every window of that
signer is played at 30 fps with rests in between: each sign of the common labels should make exactly one event, and
``none`` material none. The client is the real one, from landmarks to events; the model answers in place, so that the
table doesn't depend on this machine's speed. Needs what training needs.
"""

import argparse
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench import ROOT
from bench.in_place import InPlace
from edge_client.capture.frames import Frame
from edge_client.capture.recording import to_detections
from edge_client.pipeline import Pipeline
from edge_client.recognition.local_model import LocalModel
from edge_client.settings import Settings
from edge_client.types import Window, WindowStats
from landmarks.hands import Array, compute_presence

OUT = ROOT / "bench" / "out" / "live_signs"
FPS = 30.0
REST_FRAMES = 45
SIGNS = 400
HEADER = """\
| held-out signer, frames a sign | signs | model right | one right event | of those that the model gets right \
| no event | several | wrong | median s to event | events on none | a minute |
|---|---|---|---|---|---|---|---|---|---|---|"""


@dataclass
class Tally:
    """What one signer's stream brought."""

    signs: int = 0
    model_right: int = 0
    one_right: int = 0
    one_right_of_model_right: int = 0
    none_of: int = 0
    several: int = 0
    wrong: int = 0
    minutes_of_none: float = 0.0
    events_on_none: int = 0
    delays_s: list[float] = field(default_factory=list)
    missed: Counter[str] = field(default_factory=Counter)


def held_out_model(data: Path, signer: str) -> Path:
    """The folder of a model that was trained without ``signer``, made where it isn't there yet."""
    folder = OUT / signer
    if (folder / "model" / "card.json").exists():
        return folder / "model"
    folder.mkdir(parents=True, exist_ok=True)
    with np.load(data, allow_pickle=False) as arrays:
        others = arrays["signer"] != signer
        kept = {name: arrays[name][others] for name in ("hands", "label", "signer")}
    (folder / "data").mkdir(exist_ok=True)
    np.savez(folder / "data" / "others.npz", **kept)
    train = ["training.train_gru", "--data_dir", str(folder / "data"), "--max_epochs", "15", "--batch_size", "64"]
    _run_module([*train, "--split", "none", "--output_dir", str(folder)])
    checkpoint = ["--checkpoint", str(folder / "last.ckpt")]
    _run_module(["training.export_onnx", *checkpoint, "--output", str(folder / "model" / "model.onnx")])
    return folder / "model"


def play(signer: str, data: Path, settings: Settings, frames: int, limit: int) -> Tally:
    """One signer's windows as one stream, resampled to ``frames`` frames a sign."""
    with np.load(data, allow_pickle=False) as arrays:
        signers, labels = arrays["signer"], arrays["label"]
        common = [label for label in np.unique(labels) if len(set(signers[labels == label])) == len(set(signers))]
        mine = (signers == signer) & np.isin(labels, common)
        hands, labels = arrays["hands"][mine], labels[mine]
    order = np.random.default_rng(0).permutation(len(hands))
    model = LocalModel.open(held_out_model(data, signer))
    stream = Stream(model, settings)
    tally = Tally()
    for index in [i for i in order if labels[i] != "none"][:limit]:
        stream.play_sign(tally, resample(hands[index], frames), str(labels[index]))
    for index in [i for i in order if labels[i] == "none"]:
        tally.minutes_of_none += (frames + REST_FRAMES) / FPS / 60
        tally.events_on_none += len(stream.play(resample(hands[index], frames)))
    return tally


class Stream:
    """A client and the time of its stream."""

    def __init__(self, model: LocalModel, settings: Settings) -> None:
        self._model = model
        self.pipeline = Pipeline(settings, InPlace(model), None, publish=lambda event: None)
        self._time_s = 0.0
        self._last_event_s = 0.0

    def play(self, hands: Array) -> list[str]:
        """Play ``(T, 126)`` and a rest; gives the labels of the events."""
        events = []
        started = self._time_s
        absent = np.zeros((REST_FRAMES, 2, 21, 3), dtype=np.float32)
        for frame in (*hands.reshape(-1, 2, 21, 3), *absent):
            for event in self.pipeline.step(Frame(self._time_s, hands=to_detections(frame))):
                events.append(event.gesture)
                self._last_event_s = self._time_s - started
            self._time_s += 1 / FPS
        return events

    def play_sign(self, tally: Tally, hands: Array, label: str) -> None:
        events = self.play(hands)
        right = self.whole_window_label(hands) == label
        exactly = events == [label]
        tally.signs += 1
        tally.model_right += right
        tally.one_right += exactly
        tally.one_right_of_model_right += exactly and right
        if exactly:
            tally.delays_s.append(self._last_event_s)
        elif not events:
            tally.none_of += 1
            tally.missed[label] += right
        elif len(events) > 1:
            tally.several += 1
        else:
            tally.wrong += 1

    def whole_window_label(self, hands: Array) -> str:
        """What the model says of the whole sign, raw."""
        about = WindowStats(0, len(hands), 1.0, 1.0, 1.0)
        answer = self._model.predict(Window(hands, compute_presence(hands), about, 0.0))
        return answer.labels[int(answer.probabilities.argmax())]


def resample(hands: Array, frames: int) -> Array:
    """``(T, 126)`` at another length: the frame nearest in time, as a camera of another rate would have caught it."""
    at = np.round(np.linspace(0, len(hands) - 1, frames)).astype(np.intp)
    return hands[at]


def row(name: str, tally: Tally) -> str:
    """A line of the table."""
    of_right = tally.one_right_of_model_right / max(tally.model_right, 1)
    false_rate = tally.events_on_none / max(tally.minutes_of_none, 1e-9)
    median: npt.NDArray[np.float64] | float = np.median(tally.delays_s) if tally.delays_s else float("nan")
    return (
        f"| {name} | {tally.signs} | {tally.model_right / max(tally.signs, 1):.1%} | {tally.one_right} "
        f"| {tally.one_right_of_model_right} = {of_right:.1%} "
        f"| {tally.none_of} | {tally.several} | {tally.wrong} | {median:.2f} | {tally.events_on_none} in "
        f"{tally.minutes_of_none:.1f} min | {false_rate:.2f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.live_signs", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--signs", type=int, default=SIGNS, help=f"signs a signer at most ({SIGNS})")
    parser.add_argument("--frames", type=int, nargs="+", default=[20, 30], help="frames a sign (20 as recorded, 30)")
    options = parser.parse_args()
    folder = os.environ.get("HELEN_DATA_DIR")
    if not folder:
        sys.exit("bench.live_signs plays real recordings: set HELEN_DATA_DIR to the folder that holds them")
    data = Path(folder) / "asl_coffee_hands" / "asl_coffee_hands.npz"
    with np.load(data, allow_pickle=False) as arrays:
        signers = sorted(set(arrays["signer"].tolist()))
    print(
        "| held-out signer, frames a sign | signs | model right | one right event | of those the model gets right ",
        end="",
    )
    print("| no event | several | wrong | median s to event | false events on none | a minute |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for frames in options.frames:
        for signer in signers:
            print(row(f"{signer}, {frames}", play(signer, data, Settings(), frames, options.signs)), flush=True)


def _run_module(arguments: list[str]) -> None:
    print("running", *arguments, file=sys.stderr)
    subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    main()
