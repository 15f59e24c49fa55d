"""What ``serve run`` does for Helen: only for that command, with the address that its config names."""

import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from serve_app.lifecycle import driver


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "serve_config.yaml"
    path.write_text("http_options: {host: 0.0.0.0, port: 8123}\n")
    return path


def test_it_is_for_serve_run_with_a_config_alone(config: Path) -> None:
    assert driver.find_config(["/venv/bin/serve", "run", str(config)]) == config
    assert driver.find_config(["serve", "run", "--blocking", str(config)]) == config
    for other in (
        ["serve", "deploy", str(config)],
        ["serve"],
        ["serve", "run", "serve_app.app:build"],
        ["train.py", "run", str(config)],
    ):
        assert driver.find_config(other) is None


def test_other_programs_keep_their_signals_and_their_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py"])
    monkeypatch.setenv(driver.HOOK, "kept")
    handlers = [signal.getsignal(number) for number in driver.EXIT_CODES]
    given = {"env_vars": {"A": "1"}}
    assert driver.attach(given) is given
    assert driver.attach(None) is None
    assert os.environ[driver.HOOK] == "kept"
    assert [signal.getsignal(number) for number in driver.EXIT_CODES] == handlers


def test_a_cluster_that_was_named_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert driver.starts_cluster(["serve", "run", "serve_config.yaml"])
    assert not driver.starts_cluster(["serve", "run", "-a", "auto", "serve_config.yaml"])
    assert not driver.starts_cluster(["serve", "run", "--address=auto", "serve_config.yaml"])
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert not driver.starts_cluster(["serve", "run", "serve_config.yaml"])


def test_a_service_on_every_address_is_announced_on_this_machine_s(config: Path) -> None:
    assert driver.base_url(config) == "http://127.0.0.1:8123"


def test_it_is_announced_once_every_model_answers(capfd: pytest.CaptureFixture[str]) -> None:
    answers = [b"<html>", b'{"status":"starting"}', b'{"status":"ok"}']

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers.pop(0)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        driver.announce(url)
        server.shutdown()
    assert capfd.readouterr().err == f"ready: {url}\n"
    assert answers == []
