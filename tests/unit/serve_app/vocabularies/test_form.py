"""A vocabulary's recordings as JSON, both ways."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landmarks.hands import drop_z
from serve_app.errors import InvalidInput
from serve_app.vocabularies.form import build_form, parse_form
from testkit.model_files import write_embedding_version
from testkit.vocabularies import record_made_gesture, teach_made

FLAT = [[0.5] * 84] * 8
SOLID = [[0.5] * 126] * 8


def parse(*recordings: Any, **fields: Any) -> Any:
    return parse_form(json.dumps({"recordings": recordings, **fields}).encode())


def test_recordings_with_and_without_depth_stand_together() -> None:
    recording, keep = parse({"label": "wave", "hands": FLAT}, {"label": "none", "hands": SOLID}, keep=["yes"], fps=15)
    assert recording.hands.shape == (2, 8, 126)
    assert recording.hands[0, 0, :3].tolist() == [0.5, 0.5, 0.0]
    assert recording.hands[1, 0, :3].tolist() == [0.5, 0.5, 0.5]
    assert (recording.label.tolist(), recording.fps, keep) == (["wave", "none"], 15, ("yes",))


def test_a_shorter_recording_begins_with_its_first_frame_held() -> None:
    short = [[0.1] * 84, *[[0.2] * 84] * 5]
    recording, _ = parse({"label": "wave", "hands": FLAT}, {"label": "stop", "hands": short})
    assert recording.hands[1, :, 0].tolist() == pytest.approx([0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.2, 0.2])


def test_spaces_around_a_label_and_how_its_letters_are_composed_make_no_other_gesture() -> None:
    labels = ("se\u00f1al", " sen\u0303al\t", "none ")
    recording, _ = parse(*({"label": label, "hands": FLAT} for label in labels))
    assert recording.label.tolist() == ["se\u00f1al", "se\u00f1al", "none"]


def test_what_is_fetched_can_be_put_again(tmp_path: Path) -> None:
    vocabulary = teach_made(write_embedding_version(tmp_path, 1), ["wave", "stop"], ["yes"])
    form = build_form(vocabulary)
    again, keep = parse_form(json.dumps(form).encode())
    assert len(form["recordings"][0]["hands"][0]) == 84
    assert np.allclose(again.hands, vocabulary.recording.hands, atol=1e-6)
    assert again.label.tolist() == vocabulary.recording.label.tolist()
    assert again.session.tolist() == vocabulary.recording.session.tolist()
    assert keep == ("yes",)
    assert np.allclose(drop_z(again.hands[2]), drop_z(record_made_gesture("stop", 2)), atol=1e-6)


@pytest.mark.parametrize(
    ("recordings", "fields", "sentence"),
    [
        ([], {}, "recordings has 0 of them, expected 1 to 512"),
        ([{"label": "a", "hands": FLAT}] * 513, {}, "recordings has 513 of them"),
        ([{"label": "a", "hands": FLAT[:5]}], {}, r"recordings\[0\].hands has 5 frames, expected 6 to 60"),
        ([{"label": "a", "hands": FLAT * 8}], {}, r"recordings\[0\].hands has 64 frames"),
        ([{"label": "a", "hands": [[0.5] * 3] * 8}], {}, "has 3 numbers a frame, expected 84 or 126"),
        ([{"label": "a", "hands": [*FLAT, [0.5]]}], {}, r"recordings\[0\].hands\[8\] has 1 numbers, expected 84"),
        ([{"label": "a", "hands": [[1e300] * 84] * 8}], {}, "is inf, expected a finite number"),
        ([{"label": "a", "hands": [[0.0] * 84] * 8}], {}, "shows no hand"),
        ([{"label": "none", "hands": FLAT}], {}, "label names 0 gestures"),
        ([{"label": "", "hands": FLAT}], {}, "expected 1 to 64 printable characters"),
        ([{"label": "a\u0007", "hands": FLAT}], {}, "expected 1 to 64 printable characters"),
        (
            [{"label": "yes,no", "hands": FLAT}],
            {},
            "label is 'yes,no', expected 1 to 64 printable characters, no comma",
        ),
        ([{"label": "a", "hands": FLAT, "signer": "x" * 65}], {}, "signer is 'x+', expected at most 64 printable"),
        ([{"label": "a", "hands": FLAT, "session": "\x07"}], {}, "session is '.x07', expected at most 64 printable"),
        ([{"label": 7, "hands": FLAT}], {}, r"recordings\[0\].label is a number, expected a string"),
        ([{"label": "a", "hands": FLAT}], {"fps": 0}, "fps is 0.0, expected 1 to 1000"),
        ([{"label": "a", "hands": FLAT}], {"keep": "yes"}, "keep is"),
    ],
)
def test_what_can_not_be_taught_from_is_said(recordings: Any, fields: Any, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        parse(*recordings, **fields)
