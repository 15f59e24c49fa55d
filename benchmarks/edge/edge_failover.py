"""The client through a minute without its service: what it loses, repeats, and how fast it changes over.

    HELEN_DATA_DIR=... python -m benchmarks.edge.edge_failover

Starts the real service, plays real signs through the real client (``replay --ui``, a process of its own), stops the
service in mid-run, starts it again, and prints what the local screen's listeners received. ``--edge-python`` names the
interpreter of the client's own environment, so that its memory is the Pi's. Takes about four minutes.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import numpy as np

from benchmarks import ROOT
from benchmarks.edge.live_signs import get_labels, read_signs
from edge_client.capture.recording import REST_SECONDS
from edge_client.recognition.local_model import LocalModel
from landmarks.recording import NONE, Recording, write_recording
from testkit.edge.player import FPS, Player
from testkit.processes import exit_on_sigterm, get_memory_mib, running_process
from testkit.service import free_ports, running_service

MODELS: Final = ROOT / "models"
SECONDS_BESIDE: Final = 45.0  # before and after
START_ALLOWANCE_S: Final = 45.0

Messages = list[tuple[float, dict[str, Any]]]  # when each came (monotonic seconds), and what


def write_signs(seconds: float, path: Path) -> list[str]:
    """Write a recording of real signs that plays for ``seconds``; the events that it brings without a network."""
    windows = read_signs()
    count = int(seconds / (windows.points.shape[1] / FPS + REST_SECONDS))
    chosen = np.random.default_rng(0).choice(np.flatnonzero(get_labels(windows) != NONE), count, replace=False)
    hands, names = windows.points[chosen], np.array(["benchmark"] * count)
    write_recording(Recording(hands, get_labels(windows)[chosen], names, names, FPS), path)
    player = Player(LocalModel.open(MODELS / "gesture"))
    return [label for window in hands for label in player.play(window).events]


def listen(url: str, messages: Messages) -> None:
    """Collect a server-sent event stream of the local screen, for as long as the program runs."""
    while True:
        try:
            with httpx.stream("GET", url, timeout=30) as stream:
                lines = (line[6:] for line in stream.iter_lines() if line.startswith("data: {"))
                messages.extend((time.monotonic(), msgspec.json.decode(line)) for line in lines)
        except httpx.TransportError:
            time.sleep(0.05)


def run(away_s: float, edge_python: str) -> str:
    """Play, stop the service, start it again; the report."""
    port, screen_port = free_ports(2)
    screen = f"http://127.0.0.1:{screen_port}"
    events: Messages = []
    states: Messages = []
    total_s = away_s + START_ALLOWANCE_S + 2 * SECONDS_BESIDE
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        recording, console = Path(scratch) / "signs.npz", Path(scratch) / "client.log"
        expected = write_signs(total_s, recording)
        command = [edge_python, "-m", "edge_client", "replay", str(recording), "--ui"]
        command += ["--screen-port", str(screen_port), "--cloud-url", f"http://127.0.0.1:{port}"]
        command += ["--publish-url", f"{screen}/gestures/gesture-key"]
        with running_service(MODELS, {}, port=port):
            client = stack.enter_context(running_process(command, console, os.environ))
            for path, messages in (("/events", events), ("/live", states)):
                threading.Thread(target=listen, args=(screen + path, messages), daemon=True).start()
            time.sleep(SECONDS_BESIDE)
            memory = [get_memory_mib(client.pid)]
            stopping_s = time.monotonic()
        stopped_s = max([stopping_s, *(when for when, state in states if state.get("source") == "cloud")])
        time.sleep(max(0.0, away_s - (time.monotonic() - stopped_s)))
        memory.append(get_memory_mib(client.pid))
        with running_service(MODELS, {}, port=port):
            back_s = time.monotonic()
            time.sleep(SECONDS_BESIDE / 2)
            memory.append(get_memory_mib(client.pid))
            client.wait(total_s + 60)
        tracebacks = console.read_text().count("Traceback")
    return f"""\
client: exit code {client.returncode}, tracebacks in its log: {tracebacks}; \
resident MiB before, without and after the service: {" / ".join(f"{mib:.0f}" for mib in memory)}
{format_report(events, states, expected, stopped_s, back_s)}"""


def format_report(events: Messages, states: Messages, expected: list[str], stopped_s: float, back_s: float) -> str:
    """The figures, one a line."""

    def seconds_to(key: str, value: str, since_s: float) -> float:
        times_s = [when - since_s for when, state in states if when > since_s and state.get(key) == value]
        return min(times_s, default=np.inf)

    gestures = [(when, event) for when, event in events if "gesture" in event]
    found = [event["gesture"] for _, event in gestures]
    away_ms = [event["latency_ms"] for when, event in gestures if stopped_s < when < back_s]
    repeated = len(gestures) - len({event["sequence"] for _, event in gestures})
    sources = Counter(event["source"] for _, event in gestures)
    lost, added = Counter(expected) - Counter(found), Counter(found) - Counter(expected)
    return f"""\
service away for {back_s - stopped_s:.0f} s; seconds, rests included, to the first local prediction \
{seconds_to("source", "device", stopped_s):.2f}, to offline on the screen \
{seconds_to("connection", "offline", stopped_s):.2f}, and from its return to its first prediction \
{seconds_to("source", "cloud", back_s):.2f}
events: {len(found)} of {len(expected)} expected, same labels, same order: {found == expected}; \
lost {dict(lost)}, added {dict(added)}, repeated {repeated}; by source {dict(sources)}
{len(away_ms)} events while it was away, {max(away_ms, default=0):.0f} ms after their frame at most"""


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long the service is away (60)")
    parser.add_argument("--edge-python", default=sys.executable, help="interpreter of the client's environment")
    options = parser.parse_args()
    exit_on_sigterm()
    print(run(options.seconds, options.edge_python))


if __name__ == "__main__":
    main()
