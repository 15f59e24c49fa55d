"""The servers under test, as data, and starting one. A new server is one more entry of ``list_servers``."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks import ROOT, BenchmarkError
from benchmarks.load.request_encoders import STREAM
from landmarks.models.card import MODEL_FILE
from landmarks.models.repository import list_version_folders
from testkit.processes import running_process, wait_until_ready
from testkit.service import free_ports, running_service

FLASK: Final = "flask_torch"
LITSERVE: Final = "litserve_onnx"
STARLETTE: Final = "starlette_onnx"
MLSERVER: Final = "mlserver"
HELEN: Final = "helen"

BIN: Final = Path(sys.executable).parent
# As `make serve` starts it: without training's packages, so that Ray finds no pandas to import in each process.
SERVE_BIN: Final = ROOT / ".venv-serve" / "bin"
MLSERVER_BIN: Final = ROOT / ".venv-mlserver" / "bin"
BASELINES: Final = "benchmarks.serving.baselines"
GESTURE_MODELS: Final = ROOT / "models" / "gesture"
# What the caller's shell may hold and would change what is measured: another cluster, flags, API keys, thread counts.
NOT_INHERITED: Final = ("RAY_ADDRESS", "RAY_SERVE_", "HELEN_", "OMP_", "MKL_")


@dataclass(frozen=True, kw_only=True)
class Server:
    """One server; ``{port}`` in its command becomes a free one, and it is up when ``GET ready_path`` is 200.

    Servers of equal ``model`` must give equal predictions. Without a command it is this service.
    """

    name: str
    model: str = "gesture"
    command: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    encodings: tuple[str, ...] = ("json",)
    ready_path: str = "/health"


class RunningServer(NamedTuple):
    """Where a server answers, the leader of its processes' session, and how long it took to start."""

    url: str
    pid: int
    ready_s: float


def list_servers(model_folder: Path) -> tuple[Server, ...]:
    """The servers that can be started here; ``model_folder`` holds ``model.onnx`` and ``card.json``."""
    gesture = {"GESTURE_MODEL": str(model_folder)}
    flask = Server(
        name=FLASK,
        model="random weights",
        # gunicorn's control socket is a file in the user's home that the source system's version didn't have.
        command=f"{BIN}/gunicorn {BASELINES}.flask_torch:app --bind 127.0.0.1:{{port}} --workers 2 --no-control-socket",
    )
    mlserver = Server(
        name=MLSERVER,
        command=f"{MLSERVER_BIN}/mlserver start {Path(__file__).parent / 'baselines' / 'mlserver'}",
        environment=gesture
        | {
            "PYTHONPATH": str(ROOT),
            "MLSERVER_HTTP_PORT": "{port}",
            "MLSERVER_HOST": "127.0.0.1",
            "MLSERVER_DEBUG": "false",
            # In the server's own process: a parallel worker costs half as much CPU time again, for the way there.
            "MLSERVER_PARALLEL_WORKERS": "0",
        },
        encodings=("v2_json",),
        ready_path="/v2/models/gesture/ready",
    )
    return (
        flask,
        replace(flask, name=f"{FLASK}_1_thread", environment={"OMP_NUM_THREADS": "1"}),  # torch's threads a worker
        Server(
            name=LITSERVE,
            command=f"{sys.executable} -m {BASELINES}.litserve_onnx --model {model_folder} --port {{port}}",
        ),
        Server(
            name=STARLETTE,
            command=f"{BIN}/uvicorn {BASELINES}.starlette_onnx:app --port {{port}} --workers 2 --loop uvloop "
            "--http httptools --log-level warning --no-access-log",
            environment=gesture,
        ),
        *([mlserver] if (MLSERVER_BIN / "mlserver").exists() else []),
        Server(
            name=HELEN,
            environment={"HELEN_MODEL_PATHS": str(model_folder / MODEL_FILE)},
            encodings=("json", "fp16", STREAM),
        ),
    )


@contextmanager
def running_server(server: Server, log: Path) -> Iterator[RunningServer]:
    """Run a server until the block ends; its output goes to ``log``.

    Raises:
        StartError: it ended, or wasn't ready, within a minute (this service: two).
    """
    began_s = time.monotonic()
    if not server.command:
        bin_folder = SERVE_BIN if (SERVE_BIN / "serve").exists() else BIN
        repository = Path(server.environment["HELEN_MODEL_PATHS"])
        with running_service(repository, {}, bin_folder=bin_folder) as service:
            try:
                yield RunningServer(service.url, service.pid, time.monotonic() - began_s)
            finally:
                shutil.copy(service.console, log)
        return
    port = str(free_ports(1)[0])
    environment = {name: value.format(port=port) for name, value in server.environment.items()}
    command = server.command.format(port=port).split()
    with running_process(command, log, os.environ | environment) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(url + server.ready_path, process, log)
        yield RunningServer(url, process.pid, time.monotonic() - began_s)


def clean_environment() -> None:
    """Forget what this program's shell may hold and would change what is measured."""
    for name in list(os.environ):
        if name.startswith(NOT_INHERITED):
            del os.environ[name]


def find_latest_model() -> Path:
    """The folder of the newest bundled gesture model, which the service picks too.

    Raises:
        BenchmarkError: there is none.
    """
    if not (versions := list_version_folders(GESTURE_MODELS)):
        raise BenchmarkError(f"{GESTURE_MODELS} holds no version, expected folders 1, 2, ... with {MODEL_FILE}")
    return versions[0]
