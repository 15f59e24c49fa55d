"""``train_job.sh`` on a cluster that is late, that fails, or that never starts: one sentence, and nothing is lost."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from serve_app.settings import PROJECT_ROOT

SCRIPT = PROJECT_ROOT / "deploy" / "train_job.sh"
NO_AGENT = """Traceback (most recent call last):
  File "job_head.py", line 1, in submit_job
    raise RuntimeError("...")
RuntimeError: No available agent to submit job, please try again later."""


class Jobs(ThreadingHTTPServer):
    """The jobs API of a Ray cluster, as far as a submission needs it; it fails as often as it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.failures = {"submit": 0, "logs": 0}
        self.submitted: list[str] = []
        self.status = "SUCCEEDED"
        self.log = "epoch 1/2\n"


class Handler(BaseHTTPRequestHandler):
    server: Jobs

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or b"{}")
        if self.path.endswith("/stop"):
            self.answer({"stopped": True})
        elif not self.fails("submit"):
            self.server.submitted.append(body["entrypoint"])
            self.answer({"job_id": body["submission_id"], "submission_id": body["submission_id"]})

    def do_GET(self) -> None:
        if self.path == "/api/version":
            self.answer({"version": "4", "ray_version": "2.60.0", "ray_commit": "0", "session_name": "s"})
        elif self.path.startswith("/api/packages/"):
            self.answer({})
        elif self.path.endswith("/logs"):
            if not self.fails("logs"):
                self.answer({"logs": self.server.log})
        else:
            info = {"type": "SUBMISSION", "entrypoint": "train", "status": self.server.status, "message": "it ended"}
            self.answer({"job_id": "1", "submission_id": "1", **info})

    def fails(self, what: str) -> bool:
        self.server.failures[what] -= 1
        if self.server.failures[what] < 0:
            return False
        self.send_response(500)
        self.send_header("Content-Length", str(len(NO_AGENT)))
        self.end_headers()
        self.wfile.write(NO_AGENT.encode())
        return True

    def answer(self, fields: dict[str, object]) -> None:
        body = json.dumps(fields).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    with Jobs() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def train(**environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(SCRIPT), "--data_dir", "recordings"],
        env=os.environ | {"HELEN_JOB_PYTHON": sys.executable} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def parse_address(jobs: Jobs) -> str:
    return f"http://127.0.0.1:{jobs.server_port}"


def test_a_cluster_that_is_late_gets_the_job_once_and_its_log_is_followed(jobs: Jobs) -> None:
    jobs.failures = {"submit": 1, "logs": 1}
    done = train(RAY_ADDRESS=parse_address(jobs))
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("epoch 1/2\n")
    (command,) = jobs.submitted
    assert command.startswith("nice -n 19 ")
    assert f"--data_dir {Path.cwd() / 'recordings'}" in command
    assert "Traceback" not in done.stderr


def test_a_cluster_that_takes_no_job_is_named_in_one_sentence(jobs: Jobs) -> None:
    jobs.failures["submit"] = 1000
    done = train(RAY_ADDRESS=parse_address(jobs), HELEN_JOB_SECONDS="0.1")
    assert done.returncode == 1
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("The cluster")]
    assert sentence.startswith("The cluster did not take the job for 0.1 s: ")
    assert "No available agent to submit job" in sentence
    assert "Traceback" not in done.stdout + done.stderr


def test_a_job_that_fails_gives_its_log_and_its_reason(jobs: Jobs) -> None:
    jobs.status, jobs.log = "FAILED", "recordings has no .npz file\n"
    done = train(RAY_ADDRESS=parse_address(jobs))
    assert done.returncode == 1
    assert "recordings has no .npz file" in done.stdout
    assert "The job failed: it ended" in done.stderr


def test_the_log_of_a_head_that_does_not_start_is_kept_and_named(tmp_path: Path) -> None:
    ray = tmp_path / "ray"
    ray.write_text('#!/bin/sh\n[ "$1" != start ] || { echo "first"; echo "no room for the object store"; exit 1; }\n')
    ray.chmod(0o755)
    (tmp_path / "curl").write_text("#!/bin/sh\nexit 7\n")  # no cluster runs here, whatever else does
    (tmp_path / "curl").chmod(0o755)
    (tmp_path / "python").symlink_to(sys.executable)
    environment = {"HELEN_JOB_PYTHON": str(tmp_path / "python"), "HELEN_JOB_LOGS": str(tmp_path / "kept")}
    done = train(RAY_ADDRESS="", PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}", **environment)
    assert done.returncode == 1
    assert "The head did not start: no room for the object store" in done.stderr
    (kept,) = (tmp_path / "kept").glob("train-*/head.log")
    assert kept.read_text() == "first\nno room for the object store\n"
    assert str(kept.parent) in done.stderr
