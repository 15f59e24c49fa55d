"""The client on videos, against a service that is running: hands, sides, events, time and memory, one line a video.

    HELEN_DATA_DIR=... python -m bench.edge_videos [VIDEO ...]

Needs the client's own environment (MediaPipe) and its assets. Each video is a process of its own, in real time.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from bench import ROOT

PROGRAM = """
import json, logging, resource, sys
import numpy as np
from edge_client.app import run_client
from edge_client.pipeline import Pipeline
from edge_client.settings import load_settings
sides, unseen = [], []
step = Pipeline.step
def watched(self, frame):
    events = step(self, frame)
    sides.append(tuple(bool(hand.any()) for hand in self.raw))
    unseen.extend(event for event in events if not any(any(one) for one in sides[-30:]))
    return events
Pipeline.step = watched
pipeline = run_client(load_settings(flags={"capture.source": sys.argv[1]}), with_screen=False, printed=False)
own, tracker = pipeline.times.own_ms(), np.array(pipeline.times.stages["tracker"])
seen = [one for one in sides if any(one)]
changes = sum(a != b for a, b in zip(seen, seen[1:]))
print(f"| {sys.argv[1].rsplit('/', 1)[-1]} | {pipeline.frames} | {pipeline.frames_with_hand / pipeline.frames:.1%} "
      f"| {sum(one[0] for one in sides)} / {sum(one[1] for one in sides)}, {changes} changes "
      f"| {pipeline.events} | {len(unseen)} | {pipeline.fps:.1f} | {np.median(tracker):.1f} | {np.median(own):.3f} "
      f"| {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} |")
"""
HEADER = """\
| video | frames | a hand in | frames with left / right | events | without a hand | fps | MediaPipe ms | own ms | MiB |
|---|---|---|---|---|---|---|---|---|---|"""


def main(videos: list[str]) -> None:
    """Print the table."""
    folder = os.environ.get("HELEN_DATA_DIR")
    if not videos and folder:
        videos = [str(path) for path in sorted((Path(folder) / "videos").glob("*.mp4"))]
    if not videos:
        sys.exit("bench.edge_videos: name videos, or set HELEN_DATA_DIR to the folder that holds some")
    print(HEADER)
    for video in videos:
        command = [sys.executable, "-c", PROGRAM, video]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        lines = re.findall(r"^\|.*$", done.stdout, re.MULTILINE)
        print(lines[0] if lines else f"| {video} | {done.stderr.strip().splitlines()[-1]} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
