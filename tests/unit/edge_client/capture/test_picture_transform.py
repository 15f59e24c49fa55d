"""Turning, mirroring and cutting pictures: what the client looks at."""

import numpy as np
import pytest
from pydantic import ValidationError

from edge_client.capture.picture_transform import PictureTransform
from edge_client.settings import Capture, SettingsError, load_settings

PICTURE = np.arange(40 * 60 * 3, dtype=np.uint16).astype(np.uint8).reshape(40, 60, 3)
CORNERS = {"top left": (0, 0), "top right": (0, -1), "bottom left": (-1, 0), "bottom right": (-1, -1)}


@pytest.mark.parametrize(
    ("rotate", "mirror", "was"),
    [
        (0, False, "top left"),
        (90, False, "bottom left"),
        (180, False, "bottom right"),
        (270, False, "top right"),
        (0, True, "top right"),
        (90, True, "top left"),
        (180, True, "bottom left"),
        (270, True, "bottom right"),
    ],
)
def test_pictures_are_turned_clockwise_and_then_mirrored(rotate: int, mirror: bool, was: str) -> None:
    picture = np.zeros((40, 60, 3), dtype=np.uint8)
    for number, corner in enumerate(CORNERS.values()):
        picture[corner] = number
    turned = PictureTransform(Capture(rotate=rotate, mirror=mirror))(picture)  # type: ignore[arg-type]
    assert list(CORNERS)[turned[0, 0, 0]] == was
    assert turned.shape == ((40, 60, 3) if rotate % 180 == 0 else (60, 40, 3))
    assert turned.flags["C_CONTIGUOUS"]


def test_a_part_is_cut_out_of_what_was_turned() -> None:
    settings = Capture(roi=(0.5, 0.0, 0.5, 0.5))
    assert np.array_equal(PictureTransform(settings)(PICTURE), PICTURE[:20, 30:])
    turned = settings.model_copy(update={"rotate": 180})
    assert np.array_equal(PictureTransform(turned)(PICTURE), PICTURE[::-1, ::-1][:20, 30:])


def test_a_part_never_vanishes() -> None:
    tiny = PictureTransform(Capture(roi=(0.999, 0.999, 0.001, 0.001)))(PICTURE)
    assert tiny.shape == (16, 16, 3)
    assert PictureTransform(Capture(roi=(0.0, 0.0, 0.1, 0.1)))(PICTURE[:5, :5]).shape == (5, 5, 3)


def test_flags_and_files_say_the_same() -> None:
    flags = {"capture.rotate": "180", "capture.mirror": "true", "capture.roi": "0.1, 0.2, 0.5, 0.6"}
    capture = load_settings(flags=flags, environment={}).capture
    assert (capture.rotate, capture.mirror, capture.roi) == (180, True, (0.1, 0.2, 0.5, 0.6))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rotate", "45", "capture.rotate: Input should be 0, 90, 180 or 270, found 45"),
        ("rotate", "up", "capture.rotate: Input should be 0, 90, 180 or 270, found 'up'"),
        ("mirror", "perhaps", "capture.mirror: Input should be a valid boolean"),
        ("roi", "0.5,0,0.6,1", "capture.roi is [0.5, 0.0, 0.6, 1.0], expected x, y, width, height with x + width"),
        ("roi", "0,0,0,1", "capture.roi is [0.0, 0.0, 0.0, 1.0], expected"),
        ("roi", "0,0,1", "capture.roi.3: Field required"),
        ("codec", "h264", "capture.codec: Input should be 'mjpeg' or 'yuv420'"),
    ],
)
def test_a_value_that_cannot_be_is_refused(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(flags={f"capture.{name}": value}, environment={})
    assert message in str(refused.value)


def test_a_file_has_true_and_false_where_a_switch_is_and_nowhere_else() -> None:
    assert Capture(mirror=True).mirror
    with pytest.raises(ValidationError, match="should be a number or a text"):
        Capture.model_validate({"rotate": True})
