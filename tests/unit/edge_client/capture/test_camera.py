"""What a camera is called, and why it can't be opened."""

from pathlib import Path

import pytest

from edge_client.capture.camera import Camera, describe_failure
from edge_client.settings import Capture


@pytest.mark.parametrize(("device", "shown"), [(0, "camera 0"), ("/dev/video2", "/dev/video2")])
def test_a_camera_is_called_by_its_index_or_its_device(device: int | str, shown: str) -> None:
    pytest.importorskip("cv2", reason="OpenCV is not installed here: see edge_client/README.md")
    assert Camera(device, Capture()).name == shown


def test_a_camera_says_why(tmp_path: Path) -> None:
    assert describe_failure("/dev/no-such-camera") == "is not there: is it plugged in?"
    assert describe_failure("/dev/null") == "can't be opened: it is no camera, or another program uses it"
    assert describe_failure(250) == "is not there: is it plugged in?"
