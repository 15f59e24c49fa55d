"""The client through a minute without its service: what it loses, repeats, and how fast it changes over.

    HELEN_DATA_DIR=... python -m bench.outage

Starts the real service, plays real signs through the real client (``replay --ui``, a process of its own), stops the
service in mid-run, starts it again, and prints what the local screen's listeners saw. ``--edge-python`` names the
interpreter of the client's own environment, so that its memory is the Pi's. Takes about four minutes.
"""

import argparse
import difflib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np

from bench import ROOT
from bench.processes import leave_in_order
from edge_client.capture.recording import REST_SECONDS
from edge_client.recognition.local_model import LocalModel
from edge_client.settings import Settings
from landmarks.recording import Recording, write_recording

SERVICE = "http://127.0.0.1:8000"
SCREEN_PORT = 5099
SECONDS_BEFORE = 45.0
SECONDS_AFTER = 45.0
FPS = 30.0


@dataclass
class Seen:
    """What the screen's listeners saw, each with its time (monotonic seconds), and the client's resident MiB."""

    events: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    states: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    resident: list[tuple[float, float]] = field(default_factory=list)


def made_stream(data: Path, seconds: float, path: Path) -> int:
    """Write a recording of real signs that plays for ``seconds``; gives the number of signs."""
    with np.load(data, allow_pickle=False) as arrays:
        hands, labels = arrays["hands"], arrays["label"]
    count = int(seconds / (hands.shape[1] / FPS + REST_SECONDS))
    chosen = np.random.default_rng(0).choice(np.flatnonzero(labels != "none"), count, replace=False)
    names = np.array(["bench"] * count)
    write_recording(Recording(hands[chosen], labels[chosen], names, names, FPS), path)
    return count


def expected_events(stream: Path, model: Path) -> list[str]:
    """The labels of the events that the stream brings with no network in the way."""
    from bench.live_signs import Stream
    from landmarks.recording import read_recording

    player = Stream(LocalModel.open(model), Settings())
    return [label for window in read_recording(stream).hands for label in player.play(window)]


@contextmanager
def service(log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """``serve run`` with the shipped configuration, until the block ends."""
    fast_path = dict(
        line.split("=", 1)
        for line in (ROOT / "deploy" / "fastpath.env").read_text().splitlines()
        if line and not line.startswith("#")
    )
    with tempfile.TemporaryDirectory(prefix="helen-") as scratch, log.open("ab") as output:
        environment = os.environ | fast_path | {"RAY_ADDRESS": "local", "RAY_TMPDIR": scratch}
        command = [str(Path(sys.executable).parent / "serve"), "run", "serve_config.yaml"]
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield process
        finally:
            stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End ``serve run`` and whatever of its session is left."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getsid(int(entry.name)) == process.pid:
                    os.kill(int(entry.name), signal.SIGKILL)
            except OSError:
                continue


def wait_for(what: str, condition: Callable[[], bool], seconds: float) -> None:
    """Wait for ``condition``, or end with a sentence."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"bench.outage: {what} did not happen within {seconds:.0f} s")
        time.sleep(0.02)


def healthy() -> bool:
    """Whether the service answers."""
    try:
        return httpx.get(SERVICE + "/health", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def listen(path: str, into: list[tuple[float, dict[str, Any]]], stopped: threading.Event) -> None:
    """Collect an SSE stream of the local screen."""
    while not stopped.is_set():
        try:
            with httpx.stream("GET", f"http://127.0.0.1:{SCREEN_PORT}{path}", timeout=30) as stream:
                messages = (line[6:] for line in stream.iter_lines() if line.startswith("data: {"))
                into.extend((time.monotonic(), msgspec.json.decode(message)) for message in messages)
        except httpx.TransportError:
            time.sleep(0.05)


def watch_memory(pid: int, seen: Seen, stopped: threading.Event) -> None:
    """Note the client's resident memory every second."""
    while not stopped.wait(1.0):
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except OSError:
            return
        seen.resident.append((time.monotonic(), pages * os.sysconf("SC_PAGE_SIZE") / 2**20))


def first_after(moment: float, states: list[tuple[float, dict[str, Any]]], source: str) -> float:
    """Seconds from ``moment`` to the first state that ``source`` answered, infinite without one."""
    times = [when for when, state in states if when > moment and state.get("source") == source]
    return times[0] - moment if times else float("inf")


def run(options: argparse.Namespace, data: Path) -> str:
    """Do it all; gives the report."""
    seen, stopped = Seen(), threading.Event()
    with tempfile.TemporaryDirectory() as scratch:
        stream = Path(scratch) / "signs.npz"
        console = Path(options.client_log) if options.client_log else Path(scratch) / "client.log"
        total = SECONDS_BEFORE + options.seconds + options.start_allowance + SECONDS_AFTER
        signs = made_stream(data, total, stream)
        expected = expected_events(stream, ROOT / "models" / "gesture")
        command = [options.edge_python, "-m", "edge_client", "replay", str(stream), "--ui"]
        command += ["--screen-port", str(SCREEN_PORT), "--cloud-url", SERVICE]
        command += ["--publish-url", f"http://127.0.0.1:{SCREEN_PORT}/gestures/gesture-key"]
        with console.open("wb") as output:
            with service(Path(options.log)):
                wait_for("a healthy service", healthy, 120)
                client = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
                for path, into in (("/events", seen.events), ("/live", seen.states)):
                    threading.Thread(target=listen, args=(path, into, stopped), daemon=True).start()
                threading.Thread(target=watch_memory, args=(client.pid, seen, stopped), daemon=True).start()
                time.sleep(SECONDS_BEFORE)
                stopping = time.monotonic()
            stopped_at = last_cloud(seen.states, stopping)
            time.sleep(max(0.0, options.seconds - (time.monotonic() - stopped_at)))
            with service(Path(options.log)):
                wait_for("the service's return", healthy, 180)
                back_at = time.monotonic()
                client.wait(total + 60)
        stopped.set()
        return report(seen, expected, signs, stopped_at, back_at, client.returncode, console.read_text())


def last_cloud(states: list[tuple[float, dict[str, Any]]], after: float) -> float:
    """When the service answered for the last time, at the earliest ``after``."""
    times = [when for when, state in states if state.get("source") == "cloud"]
    return max([*times, after])


def report(
    seen: Seen, expected: list[str], signs: int, stopped_at: float, back_at: float, code: int, console: str
) -> str:
    """The figures, one a line."""
    events = [event for _, event in seen.events if "gesture" in event]
    found = [event["gesture"] for event in events]
    trips = [state["round_trip_ms"] for _, state in seen.states if state["round_trip_ms"] is not None]
    numbers = [event["sequence"] for event in events]
    away = [event for when, event in seen.events if "gesture" in event and stopped_at < when < back_at]
    sources = {source: sum(event["source"] == source for event in events) for source in ("cloud", "device")}
    offline = [when for when, state in seen.states if state["connection"] == "offline"]
    settled = [mib for when, mib in seen.resident if when > seen.resident[0][0] + 10]
    early, late = settled[: len(settled) // 4], settled[-len(settled) // 4 :]
    return "\n".join(
        [
            f"service away for {back_at - stopped_at:.0f} s, {signs} signs played",
            f"client's exit code {code}; tracebacks in its log: {console.count('Traceback')}",
            f"this machine's first answer {first_after(stopped_at, seen.states, 'device'):.2f} s after the service's "
            "last one, rests between signs included; the service's first one "
            f"{first_after(back_at, seen.states, 'cloud'):.2f} s after its return",
            f"from a frame to its event while it was away: {max(waits(away), default=0):.0f} ms at most; round trips "
            f"before and after: {np.median(trips):.0f} ms in the middle",
            f"the screen said offline {min(offline, default=float('inf')) - stopped_at:.2f} s after the last answer",
            f"events: {len(found)} of {len(expected)} expected, same labels, same order: {found == expected}; "
            f"repeated: {len(numbers) - len(set(numbers))}; by the service {sources['cloud']}, by this machine "
            f"{sources['device']}, {len(away)} of them while it was away",
            f"not as expected: {differences(expected, found)}",
            f"resident memory: {np.mean(early):.0f} MiB in the first quarter, {np.mean(late):.0f} MiB in the last, "
            f"{max(settled):.0f} MiB at most",
        ]
    )


def waits(events: list[dict[str, Any]]) -> list[float]:
    """Milliseconds from the deciding frame to each event."""
    return [event["latency_ms"] for event in events]


def differences(expected: list[str], found: list[str]) -> list[str]:
    """Where two lists of labels differ, as ``number: expected -> found``."""
    matcher = difflib.SequenceMatcher(a=expected, b=found, autojunk=False)
    return [
        f"{first}: {expected[first:last]} -> {found[begin:end]}"
        for kind, first, last, begin, end in matcher.get_opcodes()
        if kind != "equal"
    ]


def main() -> None:
    """Print the report."""
    leave_in_order()
    parser = argparse.ArgumentParser(prog="python -m bench.outage", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long the service is away (60)")
    parser.add_argument("--start-allowance", type=float, default=45, help="seconds allowed for its start (45)")
    parser.add_argument("--edge-python", default=sys.executable, help="interpreter of the client's environment")
    parser.add_argument("--log", default=os.devnull, help="file for the service's console")
    parser.add_argument("--client-log", help="file for the client's console")
    options = parser.parse_args()
    folder = os.environ.get("HELEN_DATA_DIR")
    if not folder:
        sys.exit("bench.outage plays real recordings: set HELEN_DATA_DIR to the folder that holds them")
    if healthy():
        sys.exit(f"bench.outage starts and stops its own service, and one answers at {SERVICE} already")
    print(run(options, Path(folder) / "asl_coffee_hands" / "asl_coffee_hands.npz"))


if __name__ == "__main__":
    main()
