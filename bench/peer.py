"""Peer: one server under test, as data; and the list of those that are measured.

A new peer is one more entry of ``peers``. Starting and stopping it is ``processes.py``, loading it ``wrk.py``.
"""

import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from bench import ROOT, BenchError

BASELINES: Final = ("flask_torch", "flask_torch_1_thread", "litserve_onnx")

_BIN: Final = Path(sys.executable).parent
_FAST_PATH_FILE: Final = ROOT / "deploy" / "fastpath.env"
_GESTURE_MODELS: Final = ROOT / "models" / "gesture"


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One server.

    ``command`` runs in the project's root with ``env`` added to the environment, and is up when ``GET ready_path``
    is 200. Peers of equal ``model`` must give equal answers. ``starts_ray`` marks a command that wants to start a
    Ray cluster of its own.
    """

    name: str
    model: str
    command: tuple[str, ...]
    port: int
    env: dict[str, str] = field(default_factory=dict)
    predict_path: str = "/predict"
    ready_path: str = "/health"
    starts_ray: bool = False

    @property
    def predict_url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.predict_path}"

    @property
    def ready_url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.ready_path}"


def peers(model_folder: Path) -> tuple[Peer, ...]:
    """The servers of the serving table, in its order; ``model_folder`` holds ``model.onnx`` and ``card.json``.

    Raises:
        BenchError: when the file with the fast-path flags is missing or holds a line without a value.
    """
    flask_torch = Peer(
        name="flask_torch",
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
    return (
        flask_torch,
        replace(flask_torch, name="flask_torch_1_thread", env={"OMP_NUM_THREADS": "1"}),  # torch's threads a worker
        Peer(
            name="litserve_onnx",
            model="gesture",
            command=(sys.executable, "-m", "bench.peers.litserve_onnx", "--model", str(model_folder), "--port", "8102"),
            port=8102,
        ),
        Peer(
            name="helen",
            model="gesture",
            command=(str(_BIN / "serve"), "run", "serve_config.yaml"),
            port=8000,
            env={
                **fast_path_flags(_FAST_PATH_FILE),
                "HELEN_MODEL_PATHS": str(model_folder / "model.onnx"),
                "PATH": f"{_BIN}{os.pathsep}{os.environ['PATH']}",  # as `make serve` does
            },
            starts_ray=True,
        ),
    )


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
