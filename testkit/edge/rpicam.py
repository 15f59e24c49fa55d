"""A stand-in for Raspberry Pi OS's ``rpicam-vid``: a real program with its flags, its output and its words.

Where a test has no Pi, ``install_rpicam`` puts it into a folder of ``PATH``. Each run plays the next of ``plays``, the
last one for good. Its pictures are grey: 200 above the middle, 60 below.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np

from landmarks.tracking.vision_libraries import import_library

NO_CAMERA: Final = "ERROR: *** no cameras available ***"
IN_USE: Final = (
    "[0:12:01.123456789] [777] ERROR Camera camera.cpp:1030 Pipeline handler in use by another process\n"
    "ERROR: *** failed to acquire camera /base/axi/pcie@1000120000/rp1/i2c@88000/imx708@1a ***"
)
LISTED: Final = """\
Available cameras
-----------------
0 : imx708_wide [4608x2592 10-bit RGGB] (/base/axi/pcie@1000120000/rp1/i2c@88000/imx708@1a)
    Modes: 'SRGGB10_CSI2P' : 1536x864 [120.13 fps - (768, 432)/3072x1728 crop]
                             2304x1296 [56.03 fps - (0, 0)/4608x2592 crop]
                             4608x2592 [14.35 fps - (0, 0)/4608x2592 crop]

1 : ov5647 [2592x1944 10-bit GBRG] (/base/axi/pcie@1000120000/rp1/i2c@80000/ov5647@36)
    Modes: 'SGBRG10_CSI2P' : 640x480 [58.92 fps - (16, 0)/2560x1920 crop]
"""
NONE_LISTED: Final = "No cameras available!\n"

# What a run does: "frames" good ones (-1: for good), then it "stall"s, sends an "endless" JPEG or "garbage", or ends
# with the words "says". "deaf" ignores SIGTERM.
Play = dict[str, Any]

_PROGRAM: Final = """\
#!{python} -SEs
import argparse, fcntl, json, os, signal, sys, time
folder = {folder!r}
parser = argparse.ArgumentParser(allow_abbrev=False)
for flag in ("--timeout", "-t", "--camera", "--width", "--height", "--rotation", "--quality"):
    parser.add_argument(flag, type=int, default=0)
parser.add_argument("--framerate", type=float, default=30.0)
parser.add_argument("--codec", choices=["h264", "mjpeg", "yuv420", "libav"], default="h264")
parser.add_argument("--output", "-o")
for flag in ("--nopreview", "-n", "--hflip", "--vflip", "--flush", "--list-cameras"):
    parser.add_argument(flag, action="store_true")
options = parser.parse_args()
if options.list_cameras:
    listing = json.load(open(folder + "/listing.json"))
    time.sleep(listing["after_s"])
    print(listing["text"], end="")
    sys.exit(0)
with open(folder + "/runs.jsonl", "a+") as runs:
    fcntl.flock(runs, fcntl.LOCK_EX)
    runs.seek(0)
    number = len(runs.readlines())
    runs.write(json.dumps({{"pid": os.getpid(), "arguments": sys.argv[1:]}}) + "\\n")
plays = json.load(open(folder + "/plays.json"))
play = plays[min(number, len(plays) - 1)]
if play.get("deaf"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("[0:12:01.000000000] [777]  INFO Camera camera_manager.cpp:325 libcamera v0.3.2+rpt", file=sys.stderr)
print("Mode selection for 640:480:12:P" + play.get("chatter", ""), file=sys.stderr, flush=True)
if options.rotation not in (0, 180):
    print("ERROR: *** transforms requiring transpose not supported ***", file=sys.stderr)
    sys.exit(255)
picture = open(folder + "/picture." + options.codec, "rb").read()
out = sys.stdout.buffer
sent = 0
while sent != play.get("frames", -1):
    out.write(picture)
    out.flush()
    sent += 1
    print("#%d (30.00 fps) exp 33000.00 ag 4.00 dg 1.00" % sent, file=sys.stderr, flush=True)
    time.sleep(1 / options.framerate)
if play.get("stall"):
    while True:
        time.sleep(1)
while play.get("endless"):
    out.write(picture[:-2] if sent == play["frames"] else b"\\x00" * 65536)
    sent += 1
while play.get("garbage"):
    out.write(b"no picture" * 6553)
out.flush()
print(play.get("says", ""), file=sys.stderr)
sys.exit(255 if play.get("says") else 0)
"""


def install_rpicam(
    folder: Path,
    *plays: Play,
    name: str = "rpicam-vid",
    size: tuple[int, int] = (640, 480),
    listing: str = LISTED,
    listed_after_s: float = 0.0,
) -> None:
    """Put the program ``name`` into ``folder``, whose pictures have this width and height."""
    width, height = size
    picture = np.full((height, width, 3), 60, dtype=np.uint8)
    picture[: height // 2] = 200
    (folder / "picture.mjpeg").write_bytes(encode_jpeg(picture))
    cv2: Any = import_library("cv2")
    (folder / "picture.yuv420").write_bytes(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420).tobytes())
    (folder / "plays.json").write_text(json.dumps(plays or [{}]))
    (folder / "listing.json").write_text(json.dumps({"text": listing, "after_s": listed_after_s}))
    program = folder / name
    program.write_text(_PROGRAM.format(python=os.path.realpath(sys.executable), folder=str(folder)))
    program.chmod(0o755)


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """The runs so far, each with its ``pid`` and its ``arguments``."""
    log = folder / "runs.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def encode_jpeg(picture: "np.ndarray[Any, Any]") -> bytes:
    """An RGB picture as the bytes of a JPEG."""
    cv2: Any = import_library("cv2")
    return bytes(cv2.imencode(".jpg", picture[:, :, ::-1])[1])
