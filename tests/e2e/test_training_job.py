"""From recordings to a live model: a training job beside the service, on the service's own cluster."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from landmarks.session import ModelSession
from serve_app.settings import PROJECT_ROOT
from tests.e2e.running_service import RunningService
from training import simulate

pytestmark = pytest.mark.e2e

EXAMPLE = {"sequence": [[0.1] * 84] * 10, "mask": [[1.0, 0.0]] * 10}
LIVE_DEADLINE_S = 10


class Caller(threading.Thread):
    """Asks the service without a pause until it is told to stop, and keeps every answer's status and version."""

    def __init__(self, service: RunningService) -> None:
        super().__init__()
        self._service, self._stop = service, threading.Event()
        self.answers: Counter[tuple[int, str]] = Counter()
        self.last_version = ""

    def run(self) -> None:
        with httpx.Client(base_url=self._service.url, timeout=30) as client:
            while not self._stop.is_set():
                answer = client.post("/predict", json=EXAMPLE)
                self.last_version = answer.json().get("model_version", answer.text)
                self.answers[answer.status_code, self.last_version] += 1

    def stop(self) -> None:
        self._stop.set()
        self.join(60)

    def wait_for(self, version: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.last_version != version:
            assert time.monotonic() < deadline, f"version {version} is not live: {self.answers}"
            time.sleep(0.05)


@contextmanager
def calling(service: RunningService) -> Iterator[Caller]:
    caller = Caller(service)
    caller.start()
    try:
        yield caller
    finally:
        caller.stop()


def run(service: RunningService, *command: str) -> str:
    """A command of the README, beside the service, and what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    environment |= {"RAY_TMPDIR": str(service.console.parent), "HELEN_JOB_PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_job_trains_beside_the_service_and_its_model_goes_live_without_a_failed_request(
    service: RunningService, tmp_path: Path
) -> None:
    simulate.main(["--output", str(tmp_path / "made"), "--windows", "8"])
    storage, model = str(tmp_path / "run"), tmp_path / "model"
    with calling(service) as caller:
        caller.wait_for("1", seconds=60)
        said = run(
            service,
            *("deploy/train_job.sh", "--data_dir", str(tmp_path / "made"), "--storage_path", storage),
            *("--max_epochs", "3"),
        )
        assert "No Ray cluster runs here" not in said, "the job ran beside the service's cluster, not on it"
        assert "epoch 3/3" in said, "the job's log did not stream"
        module = (sys.executable, "-m")
        run(
            service,
            *(*module, "training.export_onnx", "--checkpoint", f"{storage}/best.ckpt", "--name", "gesture"),
            *("--output", str(model / "model.onnx")),
        )
        run(service, *module, "training.publish", "--model", str(model), "--repository", str(service.repository))
        try:
            caller.wait_for("2", LIVE_DEADLINE_S)
            labels = httpx.get(f"{service.url}/metadata", timeout=30).json()["class_labels"]
            assert labels == list(ModelSession.open(model).card.class_labels)
        finally:
            # Back to version 1, which the other tests expect: a repository without version 2 serves the one before.
            (service.repository / "gesture" / "2").rename(service.repository / "gesture" / ".withdrawn")
        caller.wait_for("1", LIVE_DEADLINE_S)
    assert {status for status, _ in caller.answers} == {200}, caller.answers
    assert not caller.is_alive()


def test_the_exit_code_of_a_job_that_fails_follows(service: RunningService, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"has no \.npz file"):
        run(service, "deploy/train_job.sh", "--data_dir", str(tmp_path), "--storage_path", str(tmp_path / "run"))
