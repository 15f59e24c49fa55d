"""Where MLServer lives: an environment of its own with what it pins, and the folder of settings it starts from.

Both are under ``bench/out``, made when they are missing. It wants an older FastAPI than Ray Serve's, so that
the two can't share one. Called by the benchmark before its first load.
"""

import subprocess
import venv
from pathlib import Path
from typing import Any, Final

import msgspec

from bench import ROOT, BenchError

PINS: Final = Path(__file__).with_name("mlserver.txt")
INSTALL_WITHIN_S: Final = 600.0

MAX_BATCH_SIZE: Final = 32
MAX_BATCH_TIME_S: Final = 0.002  # LitServe's: a lone request waits it out
# In the server's own process: with one parallel worker a window takes half as much CPU time again, for the way there.
PARALLEL_WORKERS: Final = 0


def environment_in(folder: Path) -> Path:
    """The environment's ``bin`` folder, after installing what ``mlserver.txt`` pins if it isn't there.

    Raises:
        BenchError: pip failed.
    """
    stamp = folder / "installed.txt"
    if not stamp.exists() or stamp.read_text() != PINS.read_text():
        print(f"installing MLServer in {folder.relative_to(ROOT)} (once, about a minute)", flush=True)
        venv.create(folder, clear=True, with_pip=True)
        command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(PINS)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_WITHIN_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"MLServer was not installed within {INSTALL_WITHIN_S:.0f} s") from error
        if done.returncode != 0:
            reason = done.stderr.strip()[-300:]
            raise BenchError(f"MLServer can't be installed, leave it out with --without mlserver: {reason}")
        stamp.write_text(PINS.read_text())
    return folder / "bin"


def write_settings(folder: Path, model: Path, port: int) -> None:
    """The two settings files that ``mlserver start FOLDER`` reads; gRPC and metrics take the two ports behind."""
    folder.mkdir(parents=True, exist_ok=True)
    server: dict[str, Any] = {
        "debug": False,
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": port + 1,
        "metrics_port": port + 2,
        "metrics_dir": str(folder / "metrics"),
        "environments_dir": str(folder / "environments"),
        "parallel_workers": PARALLEL_WORKERS,
        "logging_settings": {"version": 1, "root": {"level": "WARNING"}},
    }
    gesture: dict[str, Any] = {
        "name": "gesture",
        "implementation": "bench.peers.mlserver_onnx.Gesture",
        "max_batch_size": MAX_BATCH_SIZE,
        "max_batch_time": MAX_BATCH_TIME_S,
        "parameters": {"uri": str(model)},
    }
    (folder / "settings.json").write_bytes(msgspec.json.encode(server))
    (folder / "model-settings.json").write_bytes(msgspec.json.encode(gesture))
