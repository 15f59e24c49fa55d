"""A server is up when it answers, and gone with everything that it started when the block ends."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serve_app.settings import PROJECT_ROOT
from testkit.processes import (
    StartError,
    get_cpu_s,
    get_memory_mib,
    get_session_cpu_s,
    running_process,
    wait_until_ready,
)
from testkit.service import free_ports

# Leaves a daemon behind as Ray does: a process whose parent ends, deaf to SIGTERM.
SERVER = """
import os, signal, subprocess, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
print(os.getpid(), flush=True)
daemon = "import os, signal, time; signal.signal(15, signal.SIG_IGN); print(os.getpid(), flush=True); time.sleep(300)"
starter = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {daemon!r}])"
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
DEADLINE_S = 60

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are read from /proc")


def run_server(log: Path, server: str) -> list[int]:
    """Run a server until it answers and has written two process ids; gives them."""
    port = str(free_ports(1)[0])
    with running_process([sys.executable, "-c", server, port], log, os.environ) as process:
        wait_until_ready(f"http://127.0.0.1:{port}/health", process, log)
        deadline_s = time.monotonic() + DEADLINE_S
        while log.read_text().count("\n") < 2:  # the daemon may write its id after the server answers
            assert time.monotonic() < deadline_s, "the server and its daemon did not both write their ids"
            time.sleep(0.05)
        return [int(pid) for pid in log.read_text().split()]


def is_running(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_nothing_of_a_server_outlives_it(tmp_path: Path) -> None:
    pids = run_server(tmp_path / "log", SERVER)
    assert len(pids) == 2
    deadline_s = time.monotonic() + 10  # on a busy machine the kernel takes its time to remove what was killed
    while left := [pid for pid in pids if is_running(pid)]:
        assert time.monotonic() < deadline_s, f"{left} outlived the server"
        time.sleep(0.05)


def test_a_server_that_ends_before_it_answers_is_an_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="the server ended with 1 before it was ready\nno model here"):
        run_server(tmp_path / "log", FAILS)


def test_sigterm_ends_a_program_through_its_with_blocks() -> None:
    program = (
        "import contextlib, time\n"
        "from testkit.processes import exit_on_sigterm\n"
        "exit_on_sigterm()\n"
        "with contextlib.ExitStack() as stack:\n"
        "    stack.callback(print, 'stopped what it had started', flush=True)\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(300)\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        output, _ = process.communicate(timeout=60)
    assert output == "stopped what it had started\n"
    assert process.returncode == 128 + 15


def test_a_sessions_cpu_time_is_that_of_all_its_processes(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass\nprint('used', flush=True)\ntime.sleep(300)"
    twice = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {busy!r}])\n{busy}"
    with running_process([sys.executable, "-c", twice], tmp_path / "log", os.environ) as process:
        deadline_s = time.monotonic() + DEADLINE_S
        while (tmp_path / "log").read_text().count("used") < 2:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        assert get_cpu_s(process.pid) >= 0.25
        assert get_session_cpu_s(process.pid) >= 0.5
        assert get_memory_mib(process.pid) > 1


def test_a_process_that_has_gone_uses_nothing() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait(60)
    assert (get_cpu_s(process.pid), get_memory_mib(process.pid)) == (0.0, 0.0)
