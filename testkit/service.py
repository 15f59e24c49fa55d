"""The real service as a subprocess: Ray, HAProxy and every replica, on ports and with a model repository of its own."""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import yaml
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from serve_app.settings import PROJECT_ROOT

START_DEADLINE_S = 120
STOP_DEADLINE_S = 60
PORTS = range(20_000, 29_000)  # Ray's and Serve's own begin at 30 000, the kernel's at 32 768
# Less than shipped, so that a test can be one caller or one session too many without a thousand connections.
MAX_WAITING = 160
MAX_SESSIONS = 12
# And no limit by time, so that how many are admitted doesn't depend on how fast this machine is.
SMALLER = {"max_waiting": MAX_WAITING, "max_sessions": MAX_SESSIONS, "max_wait_s": 300}


@dataclass(frozen=True)
class RunningService:
    """Where the service answers, what it was started with, and what it wrote to its console."""

    url: str
    repository: Path
    config: Path
    console: Path
    environment: dict[str, str]
    process: "subprocess.Popen[bytes]"

    @property
    def pid(self) -> int:
        """The process id of ``serve run``."""
        return self.process.pid

    def dashboard(self) -> str:
        """The address of its cluster's dashboard and jobs API, as its console names it."""
        found = re.search(r"View the dashboard at \S*?(http://127\.0\.0\.1:\d+)", self.console.read_text())
        assert found, self.console.read_text()[-2000:]
        return found[1]

    def replica_pids(self, deployment: str) -> list[int]:
        """The process ids of a deployment's replicas, by the names that Ray gives its processes."""
        return self.pids(f"ray::ServeReplica:helen:{deployment}")

    def pids(self, title: str) -> list[int]:
        """The process ids of the service's processes that have this in their title."""
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [pid for pid in pids if title in get_title(pid) and get_session_id(pid) == get_session_id(self.pid)]


def get_title(pid: int) -> str:
    """A process's title, or nothing when it has gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def get_session_id(pid: int) -> int:
    """A process's session id, or -1 when it has gone."""
    try:
        return os.getsid(pid)
    except OSError:
        return -1


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses, below those that the kernel gives to outgoing connections.

    They are bound only when the service is up, seconds later, so that one of the kernel's could be taken by then.
    """
    found: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("0.0.0.0", port))  # as HAProxy will
            found.append(port)
        if len(found) == count:
            return found
    raise AssertionError(f"found {len(found)} free ports in {PORTS}, wanted {count}")


def fast_path() -> dict[str, str]:
    """The variables of ``deploy/fastpath.env``."""
    lines = (PROJECT_ROOT / "deploy" / "fastpath.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@contextmanager
def running_service(
    repository: Path,
    arguments: Mapping[str, Any] = MappingProxyType(SMALLER),
    command: str = ". deploy/shell.sh && exec serve run {config}",
) -> Iterator[RunningService]:
    """Start the shipped config on free ports, with other ``arguments`` where given, and stop all of it at the end.

    ``command`` is for bash, in the project's folder; it has to become ``serve run``.
    """
    port, statistics, metrics = free_ports(3)
    first_ingress = 29_000 + os.getpid() % 10 * 100
    config: dict[str, Any] = yaml.safe_load((PROJECT_ROOT / "serve_config.yaml").read_text())
    config["http_options"]["port"] = port
    config["applications"][0]["args"] |= arguments
    scratch = Path(tempfile.mkdtemp(prefix="helen-"))  # short: Ray puts sockets in it
    config_file = scratch / "serve_config.yaml"
    config_file.write_text(yaml.safe_dump(config))
    environment = os.environ | fast_path()
    environment |= {
        "HELEN_BIN": str(Path(sys.executable).parent),
        "RAY_ADDRESS": "local",
        "RAY_TMPDIR": str(scratch),
        # Ray counts up from a fixed port for the ingress replicas; another cluster on this machine would do the same,
        # and its proxy meet ours. This range begins where ``PORTS`` ends.
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(first_ingress),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(first_ingress + 99),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(statistics),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(metrics),
        "HELEN_MODEL_PATHS": str(repository),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    console = scratch / "console.log"
    with console.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", command.format(config=config_file)],
            cwd=PROJECT_ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        service = RunningService(f"http://127.0.0.1:{port}", repository, config_file, console, environment, process)
        wait_until_healthy(service, process)
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_DEADLINE_S)
        finally:
            stop_session(process.pid)
            shutil.rmtree(scratch, ignore_errors=True)


def wait_until_healthy(service: RunningService, process: "subprocess.Popen[bytes]") -> None:
    """Wait for a 200 of ``/health`` and for a live session, or fail with what the service wrote so far.

    Until HAProxy knows the ingress replica, Serve's own proxy answers in its place, and that one carries no WebSocket.
    """
    stream = service.url.replace("http", "ws", 1) + "/stream"
    deadline = time.monotonic() + START_DEADLINE_S
    last = "no answer"
    while time.monotonic() < deadline and process.poll() is None:
        try:
            answer = httpx.get(f"{service.url}/health", timeout=5)
            last = answer.text
            if answer.status_code == 200:
                with connect(stream, open_timeout=5, close_timeout=1, proxy=None):
                    return
        except (httpx.TransportError, OSError, WebSocketException) as error:
            last = repr(error)
        time.sleep(0.2)
    raise AssertionError(f"the service was not healthy ({last}):\n{service.console.read_text()[-4000:]}")


def stop_session(leader: int) -> None:
    """Kill what is left of the service's own processes, those of its session."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and get_session_id(int(entry.name)) == leader:
            os.kill(int(entry.name), signal.SIGKILL)
