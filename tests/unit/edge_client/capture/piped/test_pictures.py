"""Pictures out of bytes, however they are cut, and whatever else is among them."""

import numpy as np
import pytest

from edge_client.capture.frames import DriverError
from edge_client.capture.piped.pictures import MAX_BROKEN, JpegStream, Yuv420Stream, find_jpeg_end
from testkit.edge.rpicam import encode_jpeg

cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed here: see edge_client/README.md")


def grey(value: int) -> np.ndarray:
    return np.full((48, 64, 3), value, dtype=np.uint8)


def picture(value: int) -> bytes:
    return encode_jpeg(grey(value))


def with_thumbnail(jpeg: bytes) -> bytes:
    """A JPEG with another one in its header, as cameras write it."""
    segment = b"Exif\0\0" + picture(250)
    return jpeg[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2) + segment + jpeg[2:]


@pytest.mark.parametrize("piece", [1, 2, 3, 100, 10**6])
def test_pictures_are_whole_however_they_are_cut(piece: int) -> None:
    stream, data = JpegStream(), b"".join(picture(value) for value in (10, 100, 200))
    pictures = [stream.push(data[start : start + piece]) for start in range(0, len(data), piece)]
    means = [round(float(image.mean())) for image in pictures if image is not None]
    assert means == ([10, 100, 200] if piece <= 100 else [200])


def test_the_newest_of_several_is_given() -> None:
    image = JpegStream().push(picture(10) + picture(200) + picture(30)[:50])
    assert image is not None
    assert round(float(image.mean())) == 200


def test_colours_are_rgb() -> None:
    red = np.zeros((48, 64, 3), dtype=np.uint8)
    red[:, :, 0] = 255
    for image in (
        JpegStream().push(encode_jpeg(red)),
        Yuv420Stream(64, 48).push(cv2.cvtColor(red, cv2.COLOR_RGB2YUV_I420).tobytes()),
    ):
        assert image is not None
        assert image[20, 20, 0] > 240
        assert image[20, 20, 1:].max() < 15


def test_what_stands_between_pictures_is_passed_over() -> None:
    data = b"\r\n--frame\r\n\xff" + picture(10) + b"\xff\xd8" * 5 + picture(90)
    image = JpegStream().push(data)
    assert image is not None
    assert round(float(image.mean())) == 90


def test_a_thumbnail_is_no_picture_of_its_own() -> None:
    jpeg = with_thumbnail(picture(40))
    assert find_jpeg_end(bytearray(jpeg + b"more")) == (len(jpeg), True)
    image = JpegStream().push(jpeg)
    assert image is not None
    assert round(float(image.mean())) == 40


@pytest.mark.parametrize("cut", [2, 3, 4, 20, 300, -1])
def test_a_picture_that_is_cut_has_no_end(cut: int) -> None:
    assert find_jpeg_end(bytearray(picture(40)[:cut])) is None


@pytest.mark.parametrize("cut", [2, 200, -40])
def test_a_picture_that_was_cut_does_not_spoil_the_next(cut: int) -> None:
    stream = JpegStream()
    assert stream.push(picture(10)[:cut]) is None
    image = stream.push(picture(90))
    assert image is not None
    assert round(float(image.mean())) == 90


def test_a_broken_picture_is_passed_over_and_too_many_are_not() -> None:
    stream, broken = JpegStream(), b"\xff\xd8\xff\xd9"
    assert stream.push(broken) is None
    assert stream.push(picture(10)) is not None
    with pytest.raises(DriverError, match=rf"sent {MAX_BROKEN + 1} JPEG pictures in a row that can't be read"):
        for _ in range(MAX_BROKEN + 1):
            stream.push(broken)


def test_a_picture_without_an_end_is_given_up() -> None:
    stream = JpegStream(max_bytes=10_000)
    with pytest.raises(DriverError, match="of more than 10000 bytes: it has no end"):
        for piece in [picture(10)[:-2]] + [b"\0" * 900] * 100:
            stream.push(piece)


def test_bytes_that_are_no_pictures_are_not_kept() -> None:
    stream = JpegStream(max_bytes=10_000)
    with pytest.raises(DriverError, match="bytes without a JPEG picture, expected Motion JPEG"):
        for _ in range(100):
            stream.push(b"h264?" * 200)


@pytest.mark.parametrize("piece", [1000, 4608, 5000, 100_000])
def test_raw_pictures_are_whole_however_they_are_cut(piece: int) -> None:
    stream = Yuv420Stream(64, 48)
    data = b"".join(cv2.cvtColor(grey(value), cv2.COLOR_RGB2YUV_I420).tobytes() for value in (10, 100, 200))
    pictures = [stream.push(data[start : start + piece]) for start in range(0, len(data), piece)]
    means = [round(float(image.mean())) for image in pictures if image is not None]
    assert means[-1] == 200
    assert len(means) == (1 if piece > 5000 else 3)
