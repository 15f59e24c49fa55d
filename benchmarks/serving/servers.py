"""The servers under test, as data, and starting one. A new server is one more entry of ``SERVERS``."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks import ROOT, BenchmarkError
from benchmarks.load.request_encoders import STREAM
from landmarks.models.card import MODEL_FILE
from landmarks.models.repository import list_version_folders
from testkit.processes import running_process, wait_until_ready
from testkit.service import free_ports, running_service

GESTURE: Final = "the bundled gesture model"
BIN: Final = Path(sys.executable).parent
# As `make serve` starts it: without training's packages, so that Ray finds no pandas to import in each process.
SERVE_BIN: Final = ROOT / ".venv-serve" / "bin"
BASELINES: Final = "benchmarks.serving.baselines"
GESTURE_MODELS: Final = ROOT / "models" / "gesture"
# What the caller's shell may hold and would change what is measured: another cluster, flags, API keys, thread counts.
NOT_INHERITED: Final = ("RAY_ADDRESS", "RAY_SERVE_", "HELEN_", "OMP_", "MKL_")


class Server(NamedTuple):
    """One server: ``{port}`` in its command becomes a free one, and ``GET /health`` tells that it is up.

    Servers of equal ``model`` must give equal predictions. Without a command it is this service.
    """

    name: str
    command: str = ""
    model: str = GESTURE
    encodings: tuple[str, ...] = ("json",)


class RunningServer(NamedTuple):
    """Where a server answers, the leader of its processes' session, and how long it took to start."""

    server: Server
    url: str
    pid: int
    ready_s: float


# gunicorn's control socket is a file in the user's home that the source system's version didn't have.
GUNICORN: Final = f"{BIN}/gunicorn {BASELINES}.flask_torch:app --bind 127.0.0.1:{{port}} -w 2 --no-control-socket"
UVICORN: Final = (
    f"{BIN}/uvicorn {BASELINES}.starlette_onnx:app --port {{port}} --workers 2 --loop uvloop --http httptools "
    "--log-level warning --no-access-log"
)
SERVERS: Final = (
    Server("flask_torch", GUNICORN, "random weights"),
    # Its strongest form.
    Server("flask_torch_1_thread", f"env OMP_NUM_THREADS=1 {GUNICORN}", "random weights"),
    Server("litserve_onnx", f"{sys.executable} -m {BASELINES}.litserve_onnx {{port}}"),
    Server("starlette_onnx", UVICORN),
    Server("helen", encodings=("json", "fp16", STREAM)),
)


@contextmanager
def running_server(server: Server, log: Path) -> Iterator[RunningServer]:
    """Run a server with the newest bundled model until the block ends; its output goes to ``log``.

    Raises:
        BenchmarkError: there is no bundled model.
        StartError: it ended, or wasn't ready, within a minute (this service: two).
    """
    if not (versions := list_version_folders(GESTURE_MODELS)):
        raise BenchmarkError(f"{GESTURE_MODELS} holds no version, expected folders 1, 2, ... with {MODEL_FILE}")
    began_s, model = time.monotonic(), versions[0]
    if not server.command:
        bin_folder = SERVE_BIN if (SERVE_BIN / "serve").exists() else BIN
        with running_service(model / MODEL_FILE, {}, bin_folder=bin_folder) as service:
            try:
                yield RunningServer(server, service.url, service.pid, time.monotonic() - began_s)
            finally:
                shutil.copy(service.console, log)  # before the service's own folder goes
        return
    port = free_ports(1)[0]
    environment = os.environ | {"GESTURE_MODEL": str(model)}
    with running_process(server.command.format(port=port).split(), log, environment) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(f"{url}/health", process, log)
        yield RunningServer(server, url, process.pid, time.monotonic() - began_s)


def clean_environment() -> None:
    """Forget what this program's shell may hold and would change what is measured."""
    for name in [name for name in os.environ if name.startswith(NOT_INHERITED)]:
        del os.environ[name]
