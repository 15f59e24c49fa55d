"""The Raspberry Pi client against the real service: the same labels as on the device, and one event a sign."""

import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge_client.demo import Motion, made_recording
from edge_client.recognition.local_model import LocalModel
from edge_client.service.http_client import ServiceClient
from edge_client.service.request_encoding import Encoding
from edge_client.settings import Cloud, Thresholds
from edge_client.types import Window, WindowStats
from landmarks.hands import compute_presence
from landmarks.recording import write_recording
from serve_app.settings import PROJECT_ROOT
from testkit.edge.http_service import Reply, http_service
from testkit.service import RunningService

pytestmark = pytest.mark.e2e

MODELS = PROJECT_ROOT / "models" / "gesture"
PLAY_DEADLINE_S = 120


@pytest.mark.parametrize(("encoding", "tolerance"), [("json", 1e-3), ("fp16", 0.03)])
def test_device_and_service_give_the_same_labels(service: RunningService, encoding: Encoding, tolerance: float) -> None:
    device = LocalModel.open(MODELS)
    client = ServiceClient(Cloud(url=service.url, encoding=encoding))
    draw = np.random.default_rng(0)
    for frames in (6, 15, 20, 30, 30, 30, 30, 30):
        hands = Motion.sample(draw).hands(frames, draw)
        window = Window(hands, compute_presence(hands), WindowStats(1, frames, 1.0, 0.1, 0.1), 0.0)
        here = device.predict(window)
        there = client.get_prediction_from_cloud(device.shape.prepare(hands), window.presence)
        assert there is not None
        assert there["prediction"] == here.labels[int(here.probabilities.argmax())]
        assert np.allclose(there["probabilities"], here.probabilities, atol=tolerance)
    client.close()


@pytest.mark.parametrize("transport", ["http", "stream"])
def test_each_made_sign_is_published_once_and_the_service_answered(
    service: RunningService, tmp_path: Path, transport: str
) -> None:
    recording = made_recording(LocalModel.open(MODELS), Thresholds(), signs=3)
    write_recording(recording, tmp_path / "made.npz")
    with http_service(lambda _: Reply()) as listener:
        command = [
            sys.executable,
            "-m",
            "edge_client",
            "replay",
            str(tmp_path / "made.npz"),
            "--cloud-url",
            service.url,
            "--transport",
            transport,
        ]
        command += ["--publish-url", listener.url + "/gestures/gesture-key", "--device-model", str(MODELS)]
        done = subprocess.run(
            command,
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            timeout=PLAY_DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        posts = [request for request in listener.requests if request.path == "/gestures/gesture-key"]
    events = [msgspec.json.decode(request.body) for request in posts]
    assert [event["gesture"] for event in events] == recording.label.tolist()
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["source"] == "cloud"
