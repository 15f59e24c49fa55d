"""Which cameras this machine has: the Pi's own by ``rpicam-vid``, the others by V4L2, each with its name and size.

It takes no picture and needs no OpenCV: a camera that another program uses is listed too.
"""

import errno
import fcntl
import os
import re
import struct
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_client.capture.piped.rpicam import INSTALL, SOURCE, find_program

V4L2_DEVICES: Final = Path("/sys/class/video4linux")
DEVICES: Final = Path("/dev")
LISTING_S: Final = 10.0
QUERY_S: Final = 2.0
# Parts of a Raspberry Pi's own camera and codecs: V4L2 devices that give OpenCV no picture.
PI_CAMERA_DRIVERS: Final = frozenset(("rp1-cfe", "unicam", "bcm2835-unicam"))
PI_DRIVERS: Final = PI_CAMERA_DRIVERS | {"pispbe", "bcm2835-isp", "bcm2835-codec", "rpivid", "rpi-hevc-dec"}

# linux/videodev2.h: _IOR('V', 0, struct v4l2_capability) and _IOWR('V', 4, struct v4l2_format).
_QUERY_CAPABILITIES: Final = 0x80685600
_GET_FORMAT: Final = 0xC0D05604
_CAPABILITIES: Final = struct.Struct("16s32s32sII I12x")  # driver, card, bus, version, of all its devices, of this one
_FORMAT: Final = struct.Struct("I4xII192x")  # type, width, height: the pixel format follows at a multiple of 8
_VIDEO_CAPTURE: Final = 1
_CAPTURES: Final = 0x00000001 | 0x00001000  # one plane or several
_HAS_DEVICE_CAPABILITIES: Final = 0x80000000

_LISTED: Final = re.compile(r"^\s*(\d) : (.+?) \[(\d+)x(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FoundCamera:
    """A camera: what ``--source`` takes, its name, the size of its pictures in pixels, and what is wrong with it."""

    source: str
    name: str
    width: int = 0
    height: int = 0
    problem: str = ""

    def line(self) -> str:
        size = f", {self.width} × {self.height}" if self.width else ""
        return f"--source {self.source}  {self.name}{size}{'; ' if self.problem else ''}{self.problem}"


@dataclass(frozen=True, slots=True)
class V4l2Device:
    """What a V4L2 device says: whether it gives pictures, and of which size now."""

    driver: str
    name: str
    captures: bool
    width: int = 0
    height: int = 0


def list_cameras() -> tuple[list[FoundCamera], list[str]]:
    """The cameras, the Pi's own first, and a sentence for each thing that is in the way of one."""
    program = find_program()
    pi_cameras, problem = list_pi_cameras(program) if program else ([], "")
    others, has_pi_camera = list_v4l2_cameras()
    if has_pi_camera and program is None:
        problem = f"the Pi's own camera needs rpicam-vid, which is not installed: {INSTALL}"
    return [*pi_cameras, *others], [problem] if problem else []


def choose_camera(cameras: Sequence[FoundCamera]) -> FoundCamera | None:
    """The camera to use: the first that nothing is wrong with."""
    return next((camera for camera in cameras if not camera.problem), None)


def advise_camera(source: str, cameras: Sequence[FoundCamera]) -> str:
    """What to do where ``source`` gives no pictures on a machine with these cameras."""
    is_camera = source.isdecimal() or source.startswith((f"{DEVICES}/", SOURCE))
    if not is_camera:
        return "see that it is there and sends; `python -m edge_client cameras` lists the cameras of this machine"
    best = choose_camera(cameras)
    if best is None:
        problem = next((f"{camera.name} {camera.problem}" for camera in cameras), "")
        return problem or "plug it in or seat its ribbon with the power off: `python -m edge_client cameras` finds none"
    if best.source != source:
        return f"use --source {best.source} ({best.name}); `python -m edge_client cameras` lists all"
    return "close other programs that use it, or unplug it and plug it in again"


def describe_cameras(cameras: Sequence[FoundCamera], problems: Sequence[str]) -> str:
    """The list as people read it, with what to do."""
    lines = [*(camera.line() for camera in cameras), *problems]
    best = choose_camera(cameras)
    if best is not None:
        lines.append(f'use --source {best.source}, or source = "{best.source}" in the settings\' [capture]')
    elif not cameras:
        lines.append("no camera found: plug a USB camera in, or seat the ribbon of the Pi's own with the power off")
    return "\n".join(lines)


def list_pi_cameras(program: str) -> tuple[list[FoundCamera], str]:
    """What ``rpicam-vid --list-cameras`` lists, and why that failed, if it did."""
    try:
        done = subprocess.run(  # noqa: S603 - a program of the system
            [program, "--list-cameras"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LISTING_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [], f"{program} --list-cameras did not answer in {LISTING_S:g} s"
    except OSError as error:
        return [], f"{program} can't be started: {error.strerror or error}"
    return parse_pi_cameras(done.stdout.decode(errors="replace")), ""


def parse_pi_cameras(text: str) -> list[FoundCamera]:
    """The cameras in the words of ``rpicam-vid --list-cameras``; the size is the sensor's."""
    return [
        FoundCamera(f"{SOURCE}:{number}" if number != "0" else SOURCE, f"{name}, the Pi's own", int(width), int(height))
        for number, name, width, height in _LISTED.findall(text)
    ]


def query_device(path: Path) -> V4l2Device:
    """Ask a V4L2 device what it is.

    Raises:
        OSError: it can't be opened, or is none.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        answer = fcntl.ioctl(descriptor, _QUERY_CAPABILITIES, bytes(_CAPABILITIES.size))
        driver, card, _, _, of_all, of_this = _CAPABILITIES.unpack(answer)
        captures = bool((of_this if of_all & _HAS_DEVICE_CAPABILITIES else of_all) & _CAPTURES)
        width = height = 0
        if captures:
            try:
                answer = fcntl.ioctl(descriptor, _GET_FORMAT, _FORMAT.pack(_VIDEO_CAPTURE, 0, 0))
                _, width, height = _FORMAT.unpack(answer)
            except OSError:
                pass  # it captures, and doesn't say what now
    finally:
        os.close(descriptor)
    return V4l2Device(_text(driver), _text(card), captures, width, height)


def list_v4l2_cameras(
    system: Path = V4L2_DEVICES, devices: Path = DEVICES, query: Callable[[Path], V4l2Device] = query_device
) -> tuple[list[FoundCamera], bool]:
    """The V4L2 cameras by their ids, or by their index without one; and whether the Pi's own camera is among the rest.

    Indexes have gaps: a USB camera takes two or more, of which one gives pictures.
    """
    names = {link.resolve(): str(link) for link in sorted((devices / "v4l" / "by-id").glob("*"), reverse=True)}
    cameras = []
    has_pi_camera = False
    for index in sorted(int(folder.name[5:]) for folder in system.glob("video*") if folder.name[5:].isdecimal()):
        path = devices / f"video{index}"
        source = names.get(path.resolve(), str(index))
        note = "" if source == str(index) else f" (index {index})"
        try:
            device = ask_in_time(lambda path=path: query(path))  # type: ignore[misc]
        except OSError as error:
            cameras.append(FoundCamera(source, f"{_read_name(system, index)}{note}", problem=_problem(error)))
            continue
        has_pi_camera |= device.driver in PI_CAMERA_DRIVERS
        if device.captures and device.driver not in PI_DRIVERS:
            cameras.append(FoundCamera(source, f"{device.name}{note}", device.width, device.height))
    return cameras, has_pi_camera


def ask_in_time(ask: Callable[[], V4l2Device], timeout_s: float = QUERY_S) -> V4l2Device:
    """What ``ask`` gives: a driver that hangs is left to itself.

    Raises:
        OSError: of ``ask``, or it took longer than ``timeout_s``.
    """
    answers: list[V4l2Device | OSError] = []

    def run() -> None:
        try:
            answers.append(ask())
        except OSError as error:
            answers.append(error)

    thread = threading.Thread(target=run, name="v4l2-query", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if not answers:
        raise TimeoutError(errno.ETIMEDOUT, "its driver does not answer")
    if isinstance(answers[0], OSError):
        raise answers[0]
    return answers[0]


def _read_name(system: Path, index: int) -> str:
    try:
        return (system / f"video{index}" / "name").read_text(errors="replace").strip()[:80]
    except OSError:
        return f"video{index}"


def _problem(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return "may not be opened by this user: sudo usermod -aG video $USER, then log in again"
    return f"can't be opened: {error.strerror or error}"


def _text(padded: bytes) -> str:
    return padded.partition(b"\0")[0].decode(errors="replace")
