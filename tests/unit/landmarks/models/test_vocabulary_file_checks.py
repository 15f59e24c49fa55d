"""What a vocabulary file of others may not hold."""

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from landmarks.models.session import ModelSession
from landmarks.models.vocabulary import VocabularyError, teach
from landmarks.models.vocabulary_files import decode_vocabulary, encode_vocabulary
from landmarks.recording import Recording
from serve_app.settings import PROJECT_ROOT
from testkit.model_files import made_window


@pytest.fixture(scope="module")
def arrays() -> Mapping[str, Any]:
    """The arrays of a good file."""
    session = ModelSession.open(PROJECT_ROOT / "models" / "gesture" / "1", threads=1)
    hands = np.stack([made_window(12, use_z=True, seed=seed) for seed in range(4)])
    labels = np.array(["circle", "circle", "wave", "wave"])
    same = np.array(["someone"] * 4)
    data = encode_vocabulary(teach(Recording(hands, labels, same, same, 30.0), session, ["yes"]))
    return dict(np.load(io.BytesIO(data)))


def encode(arrays: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def break_text(label: "np.ndarray[Any, Any]", code: int) -> "np.ndarray[Any, Any]":
    broken = label.copy()
    broken.view(np.uint32)[0] = code
    return broken


def change_head(arrays: Mapping[str, Any], **fields: Any) -> "np.ndarray[Any, Any]":
    return np.array(json.dumps(json.loads(str(arrays["head"])) | fields))


def test_what_teach_made_is_read_back(arrays: Mapping[str, Any]) -> None:
    vocabulary = decode_vocabulary(encode(arrays))
    assert vocabulary.class_labels == ("circle", "wave", "yes", "none")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda a: {"hands": a["hands"][:, :5]}, "hands has 5 frames a recording, expected 6 to 60"),
        (
            lambda a: {"hands": a["hands"] + 1e30},
            r"hands\[0\]\[0\]\[0\] is 1e\+30, expected a number from -1e\+06 to 1e\+06",
        ),
        (lambda a: {"label": break_text(a["label"], 0x7FFFFFFF)}, "label is"),
        (lambda a: {"label": break_text(a["label"], 0xD800)}, "label is"),
        (
            lambda a: {"signer": a["signer"].astype("U99") + "x" * 64},
            "signer is 'someonex+', expected at most 64 printable",
        ),
        (lambda a: {"session": break_text(a["session"], 0xD800)}, "session is .*expected at most 64 printable"),
        (lambda a: {"session": break_text(a["session"], 0x7FFFFFFF)}, "session is .*expected at most 64 printable"),
        (lambda a: {"label": np.array(["a,b"] * 4)}, "label is 'a,b', expected 1 to 64 printable characters, no comma"),
        (lambda a: {"prototypes": a["prototypes"] * 3}, "prototypes are not unit vectors"),
        (lambda a: {"prototypes": a["prototypes"] * np.nan}, "prototypes are not unit vectors"),
        (
            lambda a: {"prototypes": np.zeros((8193, 2), np.float16)},
            r"expected \(P, E\)|expected at most \(8192, 4096\)",
        ),
        (lambda a: {"owner": a["owner"] + 1}, "owner names other gestures than its 2"),
        (
            lambda a: {"head": change_head(a, keep=["wave"])},
            r"keeps \['wave'\], expected each once, none of them taught",
        ),
        (lambda a: {"head": change_head(a, keep=["none"])}, "and not none"),
        (lambda a: {"head": change_head(a, keep=["yes", "yes"])}, "expected each once"),
        (lambda a: {"head": change_head(a, scale=1e-9)}, "head is not one"),
        (lambda a: {"head": change_head(a, limits=[0.5])}, "1 limits, expected 2"),
    ],
)
def test_what_does_not_fit_together_is_rejected_in_words(arrays: Mapping[str, Any], change: Any, sentence: str) -> None:
    with np.errstate(invalid="ignore"), pytest.raises(VocabularyError, match=sentence):
        decode_vocabulary(encode({**arrays, **change(arrays)}))
