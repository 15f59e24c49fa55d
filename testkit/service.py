"""The real service as a subprocess: Ray, HAProxy and every replica, on ports and with a model repository of its own."""

import os
import random
import re
import shutil
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

import yaml
from dotenv import dotenv_values
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from serve_app.settings import PROJECT_ROOT
from testkit.processes import (
    POLL_S,
    StartError,
    get_memory_mib,
    get_title,
    list_session,
    read_tail,
    running_process,
    wait_until_ready,
)

BIN_FOLDER = Path(sys.executable).parent
FAST_PATH = PROJECT_ROOT / "deploy" / "fastpath.env"
START_DEADLINE_S = 120
PORTS = range(20_000, 29_000)  # Ray's and Serve's own begin at 30 000, the kernel's at 32 768
OWN_TITLES = ("ray::ServeReplica", "ray::ServeController", "ray::HAProxyManager", "ray::ProxyActor", "bin/haproxy ")
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
        return [pid for pid in list_session(self.pid) if title in get_title(pid)]

    def memory_mib(self) -> dict[int, float]:
        """The resident MiB of each of the service's own processes, by process id; Ray's are left out."""
        return {pid: get_memory_mib(pid) for title in OWN_TITLES for pid in self.pids(title)}


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


@contextmanager
def copied_models() -> Iterator[Path]:
    """A copy of the bundled gesture model's repository, to publish to and to break."""
    with tempfile.TemporaryDirectory(prefix="helen-models-") as scratch:
        shutil.copytree(PROJECT_ROOT / "models" / "gesture", Path(scratch) / "models" / "gesture")
        yield Path(scratch) / "models"


def read_fast_path() -> dict[str, str]:
    """The variables of ``deploy/fastpath.env``.

    Raises:
        StartError: a line has no value.
    """
    flags = dotenv_values(FAST_PATH, interpolate=False)
    missing = [name for name, value in flags.items() if value is None]
    if missing:
        raise StartError(f"{FAST_PATH}: {', '.join(missing)} without a value, expected KEY=VALUE lines")
    return {name: value for name, value in flags.items() if value is not None}


@contextmanager
def running_service(
    repository: Path,
    arguments: Mapping[str, Any] = MappingProxyType(SMALLER),
    command: str = ". deploy/shell.sh && exec serve run {config}",
    bin_folder: Path = BIN_FOLDER,
    port: int = 0,
    replicas: Mapping[str, int] = MappingProxyType({}),
) -> Iterator[RunningService]:
    """Start the shipped config on free ports, with other ``arguments`` where given, and stop all of it at the end.

    Args:
        repository: what ``HELEN_MODEL_PATHS`` names.
        arguments: of the application, which replace the shipped ones.
        command: for bash, in the project's folder; it has to become ``serve run``.
        bin_folder: of the environment whose ``serve`` and ``python`` are used.
        port: where it answers; 0 is a free one.
        replicas: how many each deployment named here has, from the start and at any load.

    Raises:
        StartError: the service was not healthy within two minutes.
    """
    free, statistics, metrics = free_ports(3)
    port = port or free
    first_ingress = 29_000 + os.getpid() % 10 * 100
    config: dict[str, Any] = yaml.safe_load((PROJECT_ROOT / "serve_config.yaml").read_text())
    config["http_options"]["port"] = port
    config["applications"][0]["args"] |= arguments
    for deployment in config["applications"][0]["deployments"]:
        if (count := replicas.get(deployment["name"])) is not None:
            deployment["autoscaling_config"] |= {"min_replicas": count, "max_replicas": count}
    scratch = Path(tempfile.mkdtemp(prefix="helen-"))  # short: Ray puts sockets in it
    config_file, console = scratch / "serve_config.yaml", scratch / "console.log"
    config_file.write_text(yaml.safe_dump(config))
    environment = os.environ | read_fast_path()
    environment |= {
        "HELEN_BIN": str(bin_folder),
        "RAY_ADDRESS": "local",
        "RAY_TMPDIR": str(scratch),
        # Ray counts up from a fixed port for the ingress replicas; another cluster on this machine would do the same,
        # and its proxy meet ours. This range begins where ``PORTS`` ends.
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(first_ingress),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(first_ingress + 99),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(statistics),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(metrics),
        "HELEN_MODEL_PATHS": str(repository),
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
    }
    bash = ["bash", "-c", command.format(config=config_file)]
    try:
        with running_process(bash, console, environment) as process:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(f"{url}/health", process, console, START_DEADLINE_S)
            wait_for_stream(url, console)
            yield RunningService(url, repository, config_file, console, environment, process)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def running_copy() -> Iterator[RunningService]:
    """The service as shipped, on free ports, with a copy of the bundled gesture model that may be broken."""
    with copied_models() as models, running_service(models, {}) as service:
        yield service


def wait_for_stream(url: str, console: Path) -> None:
    """Wait for a live session, or fail with what the service wrote so far.

    Until HAProxy knows the ingress replica, Serve's own proxy answers in its place, and that one carries no WebSocket.
    """
    deadline_s = time.monotonic() + START_DEADLINE_S
    while True:
        try:
            with connect(f"{url}/stream".replace("http", "ws", 1), open_timeout=5, close_timeout=1, proxy=None):
                return
        except (OSError, WebSocketException) as error:
            if time.monotonic() > deadline_s:
                raise StartError(f"/stream admitted nobody: {error!r}\n{read_tail(console)}") from error
        time.sleep(POLL_S)
