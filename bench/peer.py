"""Peer: one server under test, as data; and the list of those that are measured.

A new peer is one more entry of ``peers``. Starting and stopping it is ``processes.py``, loading it ``closed.py``
and ``arrivals.py``.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from bench import OUT, ROOT, BenchError
from bench.peers.mlserver_home import environment_in, write_settings
from bench.way import STREAM

FLASK: Final = "flask_torch"
LITSERVE: Final = "litserve_onnx"
STARLETTE: Final = "starlette_onnx"
STARLETTE_PLAIN: Final = "starlette_plain"
HELEN: Final = "helen"
MLSERVER: Final = "mlserver"

_BIN: Final = Path(sys.executable).parent
# As `make serve` starts it: without training's packages, so that Ray finds no pandas to import in each process.
_SERVE_BIN: Final = ROOT / ".venv-serve" / "bin"
_FAST_PATH_FILE: Final = ROOT / "deploy" / "fastpath.env"
_GESTURE_MODELS: Final = ROOT / "models" / "gesture"
_MLSERVER_VENV: Final = OUT / "mlserver-venv"
_MLSERVER_SETTINGS: Final = OUT / "mlserver"


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One server.

    ``command`` runs in the project's root with ``env`` added to the environment, and is up when ``GET ready_path``
    is 200. Peers of equal ``model`` must give equal answers. ``ways`` are those of ``way.py`` that it is asked in.
    ``prepare`` sets up what the command needs, once. ``starts_ray`` marks a command that wants to start a Ray cluster
    of its own.
    """

    name: str
    model: str
    command: tuple[str, ...]
    port: int
    env: dict[str, str] = field(default_factory=dict)
    ways: tuple[str, ...] = ("json",)
    ready_path: str = "/health"
    starts_ray: bool = False
    prepare: Callable[[], object] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ready_url(self) -> str:
        return self.url + self.ready_path


def peers(model_folder: Path) -> tuple[Peer, ...]:
    """The servers of the serving table, in its order; ``model_folder`` holds ``model.onnx`` and ``card.json``.

    Raises:
        BenchError: when the file with the fast-path flags is missing or holds a line without a value.
    """
    flask_torch = Peer(
        name=FLASK,
        model="random weights",
        command=(
            str(_BIN / "gunicorn"),
            "bench.peers.flask_torch:app",
            *("--bind", "127.0.0.1:8101"),
            *("--workers", "2"),
            # gunicorn's control socket is a file in the user's home that the source system's version didn't have.
            "--no-control-socket",
        ),
        port=8101,
    )
    serve_bin = _SERVE_BIN if (_SERVE_BIN / "serve").exists() else _BIN
    workers = ("--workers", "2", "--log-level", "warning", "--no-access-log")
    return (
        flask_torch,
        replace(flask_torch, name="flask_torch_1_thread", env={"OMP_NUM_THREADS": "1"}),  # torch's threads a worker
        Peer(
            name=LITSERVE,
            model="gesture",
            command=(sys.executable, "-m", "bench.peers.litserve_onnx", "--model", str(model_folder), "--port", "8102"),
            port=8102,
        ),
        Peer(
            name=STARLETTE,
            model="gesture",
            command=(
                str(_BIN / "uvicorn"),
                "bench.peers.starlette_onnx:app",
                *("--port", "8103"),
                *("--loop", "uvloop"),
                *("--http", "httptools"),
                *workers,
            ),
            port=8103,
            env={"GESTURE_MODEL": str(model_folder)},
        ),
        Peer(
            name=STARLETTE_PLAIN,
            model="gesture",
            command=(str(_BIN / "uvicorn"), "bench.peers.starlette_plain:app", *("--port", "8105"), *workers),
            port=8105,
            env={"GESTURE_MODEL": str(model_folder)},
        ),
        Peer(
            name=MLSERVER,
            model="gesture",
            command=(str(_MLSERVER_VENV / "bin" / "mlserver"), "start", str(_MLSERVER_SETTINGS)),
            port=8104,
            env={"PYTHONPATH": str(ROOT)},
            ways=("v2_json",),
            ready_path="/v2/models/gesture/ready",
            prepare=partial(_prepare_mlserver, model_folder),
        ),
        Peer(
            name=HELEN,
            model="gesture",
            command=(str(serve_bin / "serve"), "run", "serve_config.yaml"),
            port=8000,
            env={
                **fast_path_flags(_FAST_PATH_FILE),
                "HELEN_MODEL_PATHS": str(model_folder / "model.onnx"),
                "PATH": f"{serve_bin}{os.pathsep}{os.environ['PATH']}",  # as `make serve` does
            },
            ways=("json", "fp16", STREAM),
            starts_ray=True,
        ),
    )


def _prepare_mlserver(model_folder: Path) -> None:
    environment_in(_MLSERVER_VENV)
    write_settings(_MLSERVER_SETTINGS, model_folder, 8104)


def fast_path_flags(path: Path) -> dict[str, str]:
    """The ``KEY=VALUE`` lines of the file that ``make serve`` and the systemd unit start Ray with.

    Raises:
        BenchError: when the file is missing or a line has no value.
    """
    if not path.is_file():
        raise BenchError(f"{path} is missing, expected the environment that the service is started with")
    flags = {}
    for key, value in dotenv_values(path, interpolate=False).items():
        if value is None:
            raise BenchError(f"{path}: {key} has no value, expected KEY=VALUE lines")
        flags[key] = value
    return flags


def latest_model() -> Path:
    """The folder of the newest bundled gesture model, which the service picks too.

    Raises:
        BenchError: when there is none.
    """
    versions = [folder for folder in _GESTURE_MODELS.glob("*") if folder.name.isdecimal()]
    if not versions:
        raise BenchError(
            f"{_GESTURE_MODELS} holds no version, expected folders 1, 2, ... with model.onnx and card.json"
        )
    return max(versions, key=lambda folder: int(folder.name))
