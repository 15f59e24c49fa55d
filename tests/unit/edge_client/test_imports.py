"""What the Pi must never load: nothing of ``edge_client`` or ``landmarks`` imports torch, Ray or the other packages."""

import json
import subprocess
import sys

import pytest

FORBIDDEN = {"torch", "ray", "training", "serve_app", "lightning", "tensorflow"}

# MediaPipe's and OpenCV's own imports are not ours to judge: a stand-in takes their place where they aren't installed.
PROBE = """
import importlib, json, pkgutil, sys, types
for name in ("mediapipe", "mediapipe.tasks", "mediapipe.tasks.python", "mediapipe.tasks.python.vision", "cv2"):
    module = types.ModuleType(name)
    module.__path__ = []
    sys.modules[name] = module
sys.modules["mediapipe.tasks.python"].BaseOptions = object
sys.modules["mediapipe.tasks.python"].vision = sys.modules["mediapipe.tasks.python.vision"]
names = []
for package in ("landmarks", "edge_client"):
    root = importlib.import_module(package)
    names.append(package)
    for found in pkgutil.walk_packages(root.__path__, package + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
            names.append(found.name)
print(json.dumps({"ours": names, "loaded": sorted({name.partition(".")[0] for name in sys.modules})}))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=120, check=True)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def test_every_module_was_imported(loaded: dict[str, list[str]]) -> None:
    assert {"landmarks.tracking.mediapipe", "edge_client.pipeline", "edge_client.cli", "edge_client.ui.server"} <= set(
        loaded["ours"]
    )


def test_nothing_imports_what_the_pi_must_not_load(loaded: dict[str, list[str]]) -> None:
    assert FORBIDDEN & set(loaded["loaded"]) == set()
