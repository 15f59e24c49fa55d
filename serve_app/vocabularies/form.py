"""A vocabulary as JSON: the recordings that a page sends to teach one, and gets back to change it.

Every failure is an ``InvalidInput`` that names the field, what was found and what was expected.
"""

from typing import Annotated, Any, Final

import msgspec
import numpy as np
from msgspec import Meta

from landmarks.hands import FEATURE_DIM_XY, FEATURE_DIM_XYZ, HANDS, POINTS, Array
from landmarks.models.prototypes import MIN_FRAMES
from landmarks.models.vocabulary import (
    MAX_FRAMES,
    MAX_RECORDINGS,
    Vocabulary,
    VocabularyError,
    check_recording,
    normalise_label,
)
from landmarks.recording import TEXTS, Recording, RecordingError
from serve_app.errors import InvalidInput
from serve_app.validation import LARGEST, check_numbers, decode_json, to_matrix

MAX_JSON_BYTES: Final = 16 * 1024 * 1024
DIGITS: Final = 6
FPS: Final = 30.0


class TaughtRecording(msgspec.Struct):
    """One recording: T frames of 84 numbers, or of 126 with z, as ``/predict`` takes them; ``none`` is no gesture."""

    label: str
    hands: Annotated[
        list[list[float]],
        Meta(description="T frames, 6 to 60; a shorter recording than the longest begins with its first frame held"),
    ]
    signer: str = ""
    session: Annotated[str, Meta(description="which sitting, such as a date")] = ""


class VocabularyForm(msgspec.Struct):
    """What a vocabulary is taught from; ``keep`` names labels of the model that go on."""

    recordings: list[TaughtRecording]
    keep: list[str] = []
    fps: Annotated[float, Meta(description="frames a second of the recordings")] = FPS


_decoder = msgspec.json.Decoder(VocabularyForm)


def parse_form(body: bytes) -> tuple[Recording, tuple[str, ...]]:
    """Decode and check a form: the recordings, and the labels to keep.

    Raises:
        InvalidInput: it isn't one, or can't be taught from.
    """
    form = decode_json(body, _decoder)
    if not 1 <= len(form.recordings) <= MAX_RECORDINGS:
        raise InvalidInput(f"recordings has {len(form.recordings)} of them, expected 1 to {MAX_RECORDINGS}")
    windows = [read_hands(f"recordings[{index}].hands", each.hands) for index, each in enumerate(form.recordings)]
    longest = max(len(window) for window in windows)
    hands = np.stack([hold_first_frame(window, longest) for window in windows])
    texts = {name: [getattr(each, name) for each in form.recordings] for name in TEXTS}
    texts["label"] = [normalise_label(label) for label in texts["label"]]
    label, signer, session = (np.array(texts[name], dtype=np.str_) for name in TEXTS)
    try:
        recording = Recording(hands, label, signer, session, form.fps)
        check_recording(recording)
    except (RecordingError, VocabularyError) as error:
        raise InvalidInput(str(error)) from error
    return recording, tuple(form.keep)


def read_hands(field: str, frames: list[list[float]]) -> Array:
    """One recording's frames as float32 ``(T, 126)``; without z it is 0.

    Raises:
        InvalidInput: another shape, or numbers out of range.
    """
    if not MIN_FRAMES <= len(frames) <= MAX_FRAMES:
        raise InvalidInput(f"{field} has {len(frames)} frames, expected {MIN_FRAMES} to {MAX_FRAMES}")
    window = to_matrix(field, frames)
    check_numbers(field, window, -LARGEST, LARGEST)
    if window.shape[1] == FEATURE_DIM_XYZ:
        return window
    if window.shape[1] != FEATURE_DIM_XY:
        found, expected = window.shape[1], f"{FEATURE_DIM_XY} or {FEATURE_DIM_XYZ}"
        raise InvalidInput(f"{field} has {found} numbers a frame, expected {expected}")
    flat = window.reshape(len(window), len(HANDS), POINTS, 2)
    return np.concatenate([flat, np.zeros_like(flat[..., :1])], axis=-1).reshape(len(window), FEATURE_DIM_XYZ)


def hold_first_frame(window: Array, frames: int) -> Array:
    """A window ``(T, F)`` as one of ``frames`` frames, at whose beginning its first frame is held."""
    return np.concatenate([np.repeat(window[:1], frames - len(window), axis=0), window])


def build_form(vocabulary: Vocabulary) -> dict[str, Any]:
    """A vocabulary's recordings in the form that ``parse_form`` takes; frames without any z have 84 numbers."""
    recording = vocabulary.recording
    points = recording.hands.reshape(*recording.hands.shape[:2], len(HANDS) * POINTS, 3)
    if not points[..., 2].any():
        points = points[..., :2]
    rounded = np.round(points.astype(np.float64), DIGITS).reshape(*points.shape[:2], -1)
    columns = (recording.label.tolist(), recording.signer.tolist(), recording.session.tolist())
    return {
        "recordings": [
            {"label": label, "hands": hands, "signer": signer, "session": session}
            for hands, label, signer, session in zip(rounded.tolist(), *columns, strict=True)
        ],
        "keep": vocabulary.keep,
        "fps": recording.fps,
    }
