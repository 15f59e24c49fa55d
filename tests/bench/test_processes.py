"""A server is up when it answers, and gone with everything that it started when the block ends.

``running`` makes its process the parent of all orphans below it, so each test runs it in a process of its own.
"""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import ROOT

DRIVER = """
import json, sys, time
from pathlib import Path
from bench import BenchError
from bench.peer import Peer
from bench.processes import running
log, port, server = sys.argv[1:]
peer = Peer(name="made", model="none", command=(sys.executable, "-c", server, port), port=int(port))
try:
    with running(peer, Path(log)):
        deadline = time.monotonic() + 60
        while Path(log).read_text().count("\\n") < 2:  # the daemon may say its id after the server answers
            assert time.monotonic() < deadline, "the server and its daemon did not both say their ids"
            time.sleep(0.05)
        print(json.dumps({"pids": [int(pid) for pid in Path(log).read_text().split()]}))
except BenchError as error:
    print(json.dumps({"error": str(error)}))
"""
# Leaves a daemon behind as Ray does: a process in a session of its own whose parent ends, deaf to SIGTERM.
SERVER = """
import os, signal, subprocess, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
print(os.getpid(), flush=True)
daemon = "import os, signal, time; signal.signal(15, signal.SIG_IGN); print(os.getpid(), flush=True); time.sleep(300)"
starter = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {daemon!r}], start_new_session=True)"
subprocess.run([sys.executable, "-c", starter], check=True)
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
    def log_message(self, *args):
        pass
HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
FAILS = "import sys; sys.exit('no model here')"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmark runs on Linux only")


def drive(log: Path, port: int, server: str) -> dict[str, object]:
    outcome = subprocess.run(
        [sys.executable, "-c", DRIVER, str(log), str(port), server],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found: dict[str, object] = json.loads(outcome.stdout)
    return found


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number


def test_nothing_of_a_server_outlives_it(tmp_path: Path, port: int) -> None:
    pids = drive(tmp_path / "log", port, SERVER)["pids"]
    assert isinstance(pids, list)
    assert len(pids) == 2
    deadline = time.monotonic() + 10  # on a busy machine the kernel takes its time to remove what was killed
    while left := [pid for pid in pids if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline, f"{left} outlived the server"
        time.sleep(0.05)


def test_a_server_that_ends_before_it_answers_is_an_error_with_its_last_words(tmp_path: Path, port: int) -> None:
    assert drive(tmp_path / "log", port, FAILS)["error"] == "made ended with 1 before it was ready\nno model here"


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        number = other.getsockname()[1]
        assert f"port {number} is in use, made needs it" in str(drive(tmp_path / "log", number, SERVER)["error"])


def test_sigterm_ends_a_program_through_its_with_blocks() -> None:
    program = (
        "import contextlib, time\n"
        "from bench.processes import leave_in_order\n"
        "leave_in_order()\n"
        "with contextlib.ExitStack() as stack:\n"
        "    stack.callback(print, 'stopped what it had started', flush=True)\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(300)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        said, _ = process.communicate(timeout=60)
    assert said == "stopped what it had started\n"
    assert process.returncode == 128 + 15
