"""The programs of Serve as Helen starts them: what they say, and what they find."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from serve_app.settings import PROJECT_ROOT


def test_a_port_that_is_taken_ends_serve_run_with_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        text = (PROJECT_ROOT / "serve_config.yaml").read_text().replace("port: 8000", f"port: {port}")
        (tmp_path / "serve_config.yaml").write_text(text)
        done = subprocess.run(
            ["bash", "-c", f". deploy/shell.sh && cd / && exec serve run {tmp_path}/serve_config.yaml"],
            cwd=PROJECT_ROOT,
            env=os.environ | {"HELEN_BIN": str(Path(sys.executable).parent), "RAY_ADDRESS": "local"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 1
    assert f"127.0.0.1:{port} can't be listened on" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_an_environment_that_make_has_set_up_finds_the_service_from_any_folder(tmp_path: Path) -> None:
    target = tmp_path / "venv" / ".installed"
    said = subprocess.run(
        [
            "make",
            "--no-print-directory",
            "--dry-run",
            "--always-make",
            f"SERVE_VENV={target.parent}",
            f"PYTHON={sys.executable}",
            str(target),
        ],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    commands = [line.lstrip("@") for line in said.stdout.splitlines() if "pip" not in line]  # what needs no network
    subprocess.run(["bash", "-euc", "\n".join(commands)], cwd=PROJECT_ROOT, check=True, capture_output=True)
    program = "import importlib.util; print(importlib.util.find_spec('serve_app').origin)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(
        [target.parent / "bin" / "python", "-c", program],
        cwd="/",
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == str(PROJECT_ROOT / "serve_app" / "__init__.py")
