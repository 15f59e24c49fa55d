"""A vocabulary of one's own gestures from a few recordings, in seconds: no training, no torch.

    python -m training.teach --recordings mine.npz another-day.npz --output mine.vocabulary
    python -m training.teach --recordings recordings --output mine.vocabulary --keep yes,no

Recordings are files of ``edge_client record``, vocabularies too, or folders of them. Windows of other lengths or
frame rates are brought to one; ``none`` shows no gesture. It prints what each recording, left out, was taken for.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

if not __package__:  # run as a file: what it imports lies one folder up
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from landmarks.hands import FEATURE_DIM_XYZ, Array, compute_presence, split_hands
from landmarks.models.card import ModelCard, ModelError
from landmarks.models.prototypes import MIN_FRAMES, resample_window
from landmarks.models.repository import open_newest
from landmarks.models.vocabulary import VocabularyError, check_hands, normalise_label, teach
from landmarks.models.vocabulary_advice import advise
from landmarks.models.vocabulary_files import NAME, NAME_RULE, SUFFIX, write_vocabulary
from landmarks.models.vocabulary_report import report_vocabulary
from landmarks.recording import TEXTS, LabelledHands, Recording, RecordingError, read_labelled_hands

MAX_FILE_BYTES: Final = 64 * 2**20
UNKNOWN: Final = "unknown"
USUAL_FPS: Final = 30.0


def list_files(paths: Sequence[Path]) -> list[Path]:
    """The files, and those of the folders.

    Raises:
        RecordingError: a folder holds none.
    """
    files: list[Path] = []
    for path in paths:
        inside = [file for suffix in (".npz", SUFFIX) for file in sorted(path.glob(f"*{suffix}"))]
        if path.is_dir() and not inside:
            raise RecordingError(f"{path} has no .npz or {SUFFIX} file, expected at least one recording")
        files += inside if path.is_dir() else [path]
    return files


def read_recordings(files: Sequence[Path], card: ModelCard) -> Recording:
    """All files as one recording, its windows of one length that the model takes.

    Raises:
        RecordingError: as ``read_file``.
    """
    parts = [read_file(file, card) for file in files]
    shapes = {(part.hands.shape[1], part.fps) for part in parts}
    frames = parts[0].hands.shape[1]
    as_they_are = len(shapes) == 1 and MIN_FRAMES <= frames <= card.seq_len
    hands = [window for part in parts for window in part.hands]
    fps = Counter(part.fps or USUAL_FPS for part in parts).most_common(1)[0][0]
    return Recording(
        np.stack([add_z(window if as_they_are else stretch(window, card.seq_len)) for window in hands]),
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in TEXTS},
        fps=fps,
    )


def read_file(file: Path, card: ModelCard) -> LabelledHands:
    """The recordings of a file; who signs and which sitting, where it doesn't say so, are unknown.

    Raises:
        RecordingError: it can't be read, has no recording or one that can't be taught from, or lacks the z that the
            model wants.
    """
    part = read_labelled_hands(file, max_bytes=MAX_FILE_BYTES)
    if card.use_z and part.hands.shape[-1] != FEATURE_DIM_XYZ:
        raise RecordingError(f"{file} has {part.hands.shape[-1]} numbers a frame, the model wants z too: 126")
    if 0 in part.hands.shape:
        raise RecordingError(f"hands of {file} has shape {part.hands.shape}, expected recordings with frames")
    label = np.array([normalise_label(label) for label in part.label.tolist()])
    unknown = np.full(len(label), UNKNOWN)
    signer, session = (unknown if column is None else column for column in (part.signer, part.session))
    try:
        check_hands(part.hands, label)
    except VocabularyError as error:
        raise RecordingError(f"{file}: {error}") from error
    return replace(part, label=label, signer=signer, session=session)


def stretch(window: Array, frames: int) -> Array:
    """A window ``(T, F)`` with ``frames`` frames; of a longer one from the first to the last frame with a hand."""
    if len(window) > frames:
        there = np.flatnonzero(compute_presence(window).any(axis=1))
        window = window[there[0] : there[-1] + 1] if len(there) else window[:1]
    return resample_window(window, np.linspace(0, len(window) - 1, frames))


def add_z(window: Array) -> Array:
    """A window ``(T, 84)`` as ``(T, 126)``, z being 0; one with z as it is."""
    if window.shape[-1] == FEATURE_DIM_XYZ:
        return window
    hands = split_hands(window)
    return np.concatenate([hands, np.zeros_like(hands[..., :1])], axis=-1).reshape(len(window), FEATURE_DIM_XYZ)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line; ends with code 1 and one sentence where it can't be done."""
    parser = argparse.ArgumentParser(prog="python -m training.teach", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--recordings", type=Path, nargs="+", required=True, help="files, or folders of files")
    parser.add_argument("--output", type=Path, required=True, help=f"the vocabulary to write, NAME{SUFFIX}")
    parser.add_argument("--keep", default="", help="labels of the model that stay, with commas between")
    parser.add_argument(
        "--model", type=Path, default=Path("models/gesture"), help="a model's folder (default models/gesture)"
    )
    options = parser.parse_args(arguments)
    keep = [label.strip() for label in options.keep.split(",") if label.strip()]
    try:
        session, _ = open_newest(options.model, kind="gesture")
        recording = read_recordings(list_files(options.recordings), session.card)
        vocabulary = teach(recording, session, keep)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        write_vocabulary(vocabulary, options.output)
    except (ModelError, RecordingError, VocabularyError, OSError) as error:
        sys.exit(f"teach: {error}")
    counts = Counter(recording.label.tolist())
    taught = ", ".join(f"{label} ({counts[label]})" for label in vocabulary.gestures)
    lines = [f"{options.output} knows {taught}{', and keeps ' + ', '.join(keep) if keep else ''}."]
    lines += advise(report_vocabulary(vocabulary, session))
    if options.output.suffix != SUFFIX or not NAME.fullmatch(options.output.stem):
        expected = f"NAME{SUFFIX} with {NAME_RULE}, for NAME"
        lines.append(f"{options.output.name} can't be served by this name, expected {expected}: rename it.")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
