"""The client through a minute without its service: what it loses, repeats, and how fast it changes over.

    HELEN_DATA_DIR=... python -m benchmarks.edge.edge_failover

Starts the real service, plays real signs through the real client (``replay --ui``, a process of its own), stops the
service in mid-run, starts it again, and prints what the local screen's listeners received. ``--edge-python`` names the
interpreter of the client's own environment, so that its memory is the Pi's. Takes about four minutes.
"""

import argparse
import difflib
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import numpy as np

from benchmarks import ROOT
from benchmarks.edge.live_signs import FPS, Player, find_recordings
from edge_client.capture.recording import REST_SECONDS
from edge_client.recognition.local_model import LocalModel
from landmarks.recording import Recording, write_recording
from testkit.processes import exit_on_sigterm, get_memory_mib, running_process
from testkit.service import free_ports, running_service

MODELS: Final = ROOT / "models"
SECONDS_BEFORE: Final = 45.0
SECONDS_AFTER: Final = 45.0

Message = tuple[float, dict[str, Any]]  # when it came (monotonic seconds), and what


@dataclass
class Observations:
    """What the screen's listeners received, and the client's resident MiB, each with its time."""

    events: list[Message] = field(default_factory=list)
    states: list[Message] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)


def write_signs(data: Path, seconds: float, path: Path) -> list[str]:
    """Write a recording of real signs that plays for ``seconds``; the events that it brings without a network."""
    with np.load(data, allow_pickle=False) as arrays:
        hands, labels = arrays["hands"], arrays["label"]
    count = int(seconds / (hands.shape[1] / FPS + REST_SECONDS))
    chosen = np.random.default_rng(0).choice(np.flatnonzero(labels != "none"), count, replace=False)
    names = np.array(["benchmark"] * count)
    write_recording(Recording(hands[chosen], labels[chosen], names, names, FPS), path)
    player = Player(LocalModel.open(MODELS / "gesture"))
    return [label for window in hands[chosen] for label in player.play(window)]


def listen(url: str, messages: list[Message], stopped: threading.Event) -> None:
    """Collect a server-sent event stream of the local screen."""
    while not stopped.is_set():
        try:
            with httpx.stream("GET", url, timeout=30) as stream:
                lines = (line[6:] for line in stream.iter_lines() if line.startswith("data: {"))
                messages.extend((time.monotonic(), msgspec.json.decode(line)) for line in lines)
        except httpx.TransportError:
            time.sleep(0.05)


def watch_memory(pid: int, observations: Observations) -> None:
    """Note the client's resident memory every second."""
    while not observations.stopped.wait(1.0):
        observations.memory.append((time.monotonic(), get_memory_mib(pid)))


def get_delay_s(since_s: float, states: list[Message], source: str) -> float:
    """Seconds from a time to the first state that ``source`` predicted, infinite without one."""
    times = [when for when, state in states if when > since_s and state.get("source") == source]
    return min(times, default=np.inf) - since_s


def run(options: argparse.Namespace, data: Path) -> str:
    """Play, stop the service, start it again; the report."""
    port, screen_port = free_ports(2)
    screen = f"http://127.0.0.1:{screen_port}"
    seen = Observations()
    total_s = SECONDS_BEFORE + options.seconds + options.start_allowance + SECONDS_AFTER
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        recording = Path(scratch) / "signs.npz"
        console = Path(options.client_log) if options.client_log else Path(scratch) / "client.log"
        expected = write_signs(data, total_s, recording)
        command = [options.edge_python, "-m", "edge_client", "replay", str(recording), "--ui"]
        command += ["--screen-port", str(screen_port), "--cloud-url", f"http://127.0.0.1:{port}"]
        command += ["--publish-url", f"{screen}/gestures/gesture-key"]
        with running_service(MODELS, {}, port=port):
            client = stack.enter_context(running_process(command, console, os.environ))
            for path, messages in (("/events", seen.events), ("/live", seen.states)):
                threading.Thread(target=listen, args=(screen + path, messages, seen.stopped), daemon=True).start()
            threading.Thread(target=watch_memory, args=(client.pid, seen), daemon=True).start()
            time.sleep(SECONDS_BEFORE)
            stopping_s = time.monotonic()
        last_cloud = [when for when, state in seen.states if state.get("source") == "cloud"]
        stopped_s = max([*last_cloud, stopping_s])
        time.sleep(max(0.0, options.seconds - (time.monotonic() - stopped_s)))
        with running_service(MODELS, {}, port=port):
            back_s = time.monotonic()
            client.wait(total_s + 60)
        seen.stopped.set()
        faults = f"exit code {client.returncode}, tracebacks in its log: {console.read_text().count('Traceback')}"
    return f"client: {faults}\n{format_report(seen, expected, stopped_s, back_s)}"


def format_report(seen: Observations, expected: list[str], stopped_s: float, back_s: float) -> str:
    """The figures, one a line."""
    events = [(when, event) for when, event in seen.events if "gesture" in event]
    found = [event["gesture"] for _, event in events]
    away = [event["latency_ms"] for when, event in events if stopped_s < when < back_s]
    repeated = len(events) - len({event["sequence"] for _, event in events})
    sources = Counter(event["source"] for _, event in events)
    trips = [state["round_trip_ms"] for _, state in seen.states if state["round_trip_ms"] is not None]
    offline = [when for when, state in seen.states if state["connection"] == "offline"]
    settled = [mib for when, mib in seen.memory if mib and when > seen.memory[0][0] + 10]
    quarter = len(settled) // 4
    return "\n".join(
        [
            f"service away for {back_s - stopped_s:.0f} s, {len(expected)} events expected",
            f"first local prediction {get_delay_s(stopped_s, seen.states, 'device'):.2f} s after the last remote one, "
            f"rests included; the service's first {get_delay_s(back_s, seen.states, 'cloud'):.2f} s after its return",
            f"from a frame to its event while it was away: {max(away, default=0):.0f} ms at most; round trips before "
            f"and after: {np.median(trips):.0f} ms in the middle",
            f"the screen said offline {min(offline, default=np.inf) - stopped_s:.2f} s after the last prediction",
            f"events: {len(found)} of {len(expected)} expected, same labels, same order: {found == expected}; "
            f"repeated: {repeated}; by source {dict(sources)}, {len(away)} of them while it was away",
            f"not as expected: {list_differences(expected, found)}",
            f"resident memory: {np.mean(settled[:quarter]):.0f} MiB in the first quarter, "
            f"{np.mean(settled[-quarter:]):.0f} MiB in the last, {max(settled):.0f} MiB at most",
        ]
    )


def list_differences(expected: list[str], found: list[str]) -> list[str]:
    """Where two lists of labels differ, as ``number: expected -> found``."""
    matcher = difflib.SequenceMatcher(a=expected, b=found, autojunk=False)
    return [
        f"{first}: {expected[first:last]} -> {found[begin:end]}"
        for kind, first, last, begin, end in matcher.get_opcodes()
        if kind != "equal"
    ]


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long the service is away (60)")
    parser.add_argument("--start-allowance", type=float, default=45, help="seconds allowed for its start (45)")
    parser.add_argument("--edge-python", default=sys.executable, help="interpreter of the client's environment")
    parser.add_argument("--client-log", help="file for the client's console")
    options = parser.parse_args()
    exit_on_sigterm()
    print(run(options, find_recordings()))


if __name__ == "__main__":
    main()
