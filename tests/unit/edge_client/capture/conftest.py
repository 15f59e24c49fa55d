"""A camera that plays what a test says."""

import sys
from collections.abc import Callable, Iterator

import pytest

from edge_client.capture import camera as camera_driver
from edge_client.capture import live_source, stream_url
from tests.unit.edge_client.capture.fake_opencv import Camera


@pytest.fixture
def with_camera(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[list[int]], Camera]]:
    cameras = []

    def plug_in(plays: list[int]) -> Camera:
        camera = Camera(plays)
        cameras.append(camera)
        monkeypatch.setitem(sys.modules, "cv2", camera.module())
        monkeypatch.setattr(live_source, "FIRST_RETRY_S", 0.01)
        monkeypatch.setattr(camera_driver, "describe_failure", lambda device: "is away")
        monkeypatch.setattr(stream_url, "describe_failure", lambda url, timeout_s: "is away")
        return camera

    yield plug_in
    for camera in cameras:
        camera.hang.set()
