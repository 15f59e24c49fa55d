"""A run measures what its plan says, and keeps what it has when a server fails.

A run makes its process the parent of all orphans below it, so each test runs it in a process of its own.
"""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import ROOT

DRIVER = """
import json, sys
from pathlib import Path
from bench import BenchError
from bench.peer import Peer
from bench.results import Results
from bench.run import Plan, Run
folder, server, first, second = sys.argv[1:]
peers = [
    Peer(name=name, model="made", command=(sys.executable, "-c", server, port, name), port=int(port))
    for name, port in (("starlette_onnx", first), ("broken", second))
]
for chosen in (peers[:1], peers):
    results = Results()
    plan = Plan(chosen, frozenset({"closed", "open", "pis"}), frozenset({"json"}), [1], 1, 1, 1, awake=True)
    said = ""
    try:
        Run(plan, Path(folder), results).measure()
    except BenchError as error:
        said = str(error)
    print("RESULT" + json.dumps({
        "said": said,
        "loads": [list(key) for key in results.loads],
        "open": [(row.server, row.percent, row.load.errors) for row in results.open_loop],
        "pis": list(results.pis),
        "cpu": any(cpu.total_s > 0 for rounds in results.cpu.values() for cpu in rounds),
        "ready": list(results.ready_s),
    }))
"""
# Answers every window alike; the one named "broken" as another model would.
SERVER = """
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
top = 0.9 if sys.argv[2] == "broken" else 0.7
answer = json.dumps({"prediction": "hello", "probabilities": [1 - top, top], "top_index": 1, "top_probability": top,
                     "elapsed_ms": 1.0}).encode()
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.reply()
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.reply()
    def reply(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *args):
        pass
class Server(ThreadingHTTPServer):
    request_queue_size = 256
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    if sys.platform != "linux" or shutil.which("wrk") is None:
        pytest.skip("the benchmark needs Linux and wrk")
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        ports = [str(one.getsockname()[1]) for one in (first, second)]
    folder = tmp_path_factory.mktemp("run")
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(folder), SERVER, *ports],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    lines = [line.removeprefix("RESULT") for line in done.stdout.splitlines() if line.startswith("RESULT")]
    assert Path(folder / "window.json").exists()
    return [json.loads(line) for line in lines]


def test_every_part_of_a_plan_is_measured_of_those_it_is_meant_for(outcomes: list[dict[str, Any]]) -> None:
    whole = outcomes[0]
    assert whole["said"] == ""
    assert whole["ready"] == ["starlette_onnx"]
    # The rates need the closed loop at 64 connections, which the plan has not.
    assert whole["loads"] == [["starlette_onnx", "json", 1], ["starlette_onnx", "json", 64]]
    assert [row[:2] for row in whole["open"]] == [["starlette_onnx", 50], ["starlette_onnx", 80]]
    assert whole["pis"] == []
    assert whole["cpu"]


def test_a_server_that_answers_as_another_model_ends_the_run_and_what_was_measured_stays(
    outcomes: list[dict[str, Any]],
) -> None:
    broken = outcomes[1]
    assert "broken in json answers 'hello' (0.9000) to made window 0" in broken["said"]
    assert broken["ready"] == ["starlette_onnx", "broken"]
    assert ["starlette_onnx", "json", 1] in broken["loads"]
