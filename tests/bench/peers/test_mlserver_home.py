"""MLServer's settings name the model, and its pins are what ours can't be."""

import json
from pathlib import Path

from bench import ROOT
from bench.peers.mlserver_home import PINS, write_settings


def test_settings_name_the_model_with_adaptive_batching_on(tmp_path: Path) -> None:
    write_settings(tmp_path / "home", tmp_path / "model", 8104)
    server = json.loads((tmp_path / "home" / "settings.json").read_text())
    gesture = json.loads((tmp_path / "home" / "model-settings.json").read_text())
    assert (server["host"], server["http_port"]) == ("127.0.0.1", 8104)
    assert len({server["http_port"], server["grpc_port"], server["metrics_port"]}) == 3
    assert gesture["parameters"] == {"uri": str(tmp_path / "model")}
    assert gesture["max_batch_size"] > 1 and gesture["max_batch_time"] > 0


def test_the_model_runs_with_the_same_onnx_runtime_as_everywhere() -> None:
    pins = PINS.read_text().splitlines()
    for name in ("onnxruntime", "numpy", "msgspec"):
        ours = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith(f"{name}==")]
        assert ours[0] in pins
