"""The driver of the Raspberry Pi's own camera: the pipe of ``rpicam-vid``, ``libcamera-vid`` on older systems.

OpenCV reads nothing from such a camera on a Pi 5, and libcamera's Python ties its own numpy: this program is part of
Raspberry Pi OS and needs neither.
"""

import contextlib
import re
import shutil
import subprocess
import threading
import time
from typing import Final

from edge_client.capture.frames import DriverError, Image, SourceError
from edge_client.capture.live_source import OPENING_S
from edge_client.capture.piped.pictures import ROW_BYTES, JpegStream, PictureStream, Yuv420Stream
from edge_client.capture.piped.video import TIMEOUT_SHARE, PipedVideo
from edge_client.settings import Capture
from landmarks.tracking.vision_libraries import import_library

SOURCE: Final = "rpicam"
PROGRAMS: Final = ("rpicam-vid", "libcamera-vid")
INSTALL: Final = "sudo apt-get install -y rpicam-apps-lite"
JPEG_QUALITY: Final = 85
# The camera itself turns by these; by others the client does.
CAMERA_ROTATIONS: Final = (0, 180)
ENDING_S: Final = 1.0
LONGEST_QUOTE: Final = 200

_NO_CAMERA: Final = re.compile(r"no cameras? available", re.IGNORECASE)
_IN_USE: Final = re.compile(r"in use|failed to acquire|resource busy", re.IGNORECASE)


def parse_camera(name: str) -> int | None:
    """The number of the camera that ``rpicam`` or ``rpicam:1`` names; ``None`` for any other source.

    Raises:
        SourceError: there can be no such camera.
    """
    scheme, colon, number = name.partition(":")
    if scheme != SOURCE or number.startswith("//"):
        return None
    if not colon:
        return 0
    if not (number.isascii() and number.isdecimal() and len(number) == 1):
        raise SourceError(f"{name[:60]} found, expected {SOURCE}, or {SOURCE}:1 for the second camera")
    return int(number)


class PiCamera:
    """The Pi's camera with this number, with the size, rate and direction of the settings.

    Raises:
        SourceError: raw pictures can't have this size.
        LibraryError: OpenCV, which decodes its pictures, is missing.
    """

    def __init__(self, camera: int, settings: Capture) -> None:
        if settings.codec == "yuv420" and (settings.width % ROW_BYTES or settings.height % 2):
            raise SourceError(
                f"capture.width is {settings.width} and capture.height {settings.height}, with capture.codec yuv420 "
                f"expected a multiple of {ROW_BYTES} and of 2"
            )
        import_library("cv2")
        self.name = f"{SOURCE}:{camera}" if camera else SOURCE
        self._camera = camera
        self._settings = settings
        self._failure = ""

    def open(self, ended: threading.Event) -> "PiCameraVideo | None":
        """Start the program and wait for its first picture."""
        program = find_program()
        if program is None:
            self._failure = f"needs {' or '.join(PROGRAMS)}, which is not installed: {INSTALL}"
            return None
        settings = self._settings
        stream: PictureStream = JpegStream()
        if settings.codec == "yuv420":
            stream = Yuv420Stream(settings.width, settings.height)
        try:
            video = PiCameraVideo(build_command(program, self._camera, settings), stream, settings.stall, ended)
        except OSError as error:
            self._failure = f"can't start {program}: {error.strerror or error}"
            return None
        try:
            video.wait_for_first(max(settings.stall, OPENING_S) * TIMEOUT_SHARE)
        except DriverError as error:
            self._failure = str(error)
        else:
            if not ended.is_set():
                return video
        video.release()
        return None

    def describe_failure(self) -> str:
        return self._failure


class PiCameraVideo:
    """One run of the program, which ends with ``release``, and with the client however that ends."""

    def __init__(self, command: list[str], stream: PictureStream, stall_s: float, ended: threading.Event) -> None:
        """Start it.

        Raises:
            OSError: it can't be started.
        """
        self._program = subprocess.Popen(  # noqa: S603 - a program of the system, and numbers of the settings
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        assert self._program.stdout is not None and self._program.stderr is not None  # noqa: S101 - both are PIPE
        self._pipes = (self._program.stdout, self._program.stderr)
        self._first: Image | None = None
        self._video = PipedVideo(
            self._pipes[0].fileno(),
            stream,
            timeout_s=stall_s * TIMEOUT_SHARE,
            ended=ended,
            text_pipe=self._pipes[1].fileno(),
        )

    def wait_for_first(self, timeout_s: float) -> None:
        """Wait for the first picture, which the next ``read`` gives.

        Raises:
            DriverError: it ended, or gave none in time.
        """
        self._first = self._read_until(time.monotonic() + timeout_s)

    def read(self) -> Image | None:
        if self._first is not None:
            image, self._first = self._first, None
            return image
        return self._read_until(None)

    def release(self) -> None:
        """End the program, by force where it does not end by itself."""
        for end in (self._program.terminate, self._program.kill):
            end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._program.wait(ENDING_S)
                break
        for pipe in self._pipes:
            pipe.close()

    def _read_until(self, deadline_s: float | None) -> Image | None:
        try:
            return self._video.read() if deadline_s is None else self._video.read_until(deadline_s)
        except EOFError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._program.wait(ENDING_S)
            said = quote_error(self._video.read_text())
            raise DriverError(f"has ended: {said}" if said else f"has ended with code {self._program.poll()}") from None
        except DriverError as error:
            said = quote_error(self._video.read_text())
            raise DriverError(f"{error}: {said}" if said else str(error)) from None


def find_program() -> str | None:
    """The path of the system's program, ``None`` where it has none."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


def build_command(program: str, camera: int, settings: Capture) -> list[str]:
    """The command that writes pictures to its output until it is ended."""
    command = [program, "--nopreview", "--timeout", "0", "--camera", str(camera)]
    command += ["--width", str(settings.width), "--height", str(settings.height)]
    command += ["--framerate", f"{settings.fps:g}", "--codec", settings.codec]
    if settings.codec == "mjpeg":
        command += ["--quality", str(JPEG_QUALITY)]
    if settings.rotate in CAMERA_ROTATIONS:  # a mirror before a quarter turn would be another one than after it
        command += ["--rotation", str(settings.rotate)] if settings.rotate else []
        command += ["--hflip"] if settings.mirror else []
    command += ["--flush", "--output", "-"]
    # A client that is killed ends nothing any more: the kernel then does.
    guard = shutil.which("setpriv")
    return [guard, "--pdeathsig", "KILL", "--", *command] if guard else command


def turned_by_camera(settings: Capture) -> Capture:
    """The settings without what the camera itself does, for the transform that does the rest."""
    if settings.rotate not in CAMERA_ROTATIONS:
        return settings
    return settings.model_copy(update={"rotate": 0, "mirror": False})


def quote_error(text: str) -> str:
    """What a program said was wrong, in a line, with what to do where that is known; empty where it said nothing."""
    lines = ["".join(letter for letter in line if letter.isprintable()).strip() for line in text.splitlines()]
    errors = [line for line in lines if "ERROR" in line]
    final = [line for line in errors if line.startswith("ERROR:")]
    said = next(iter([*final[::-1], *errors[::-1]]), "")
    said = said.removeprefix("ERROR:").strip(" *")[:LONGEST_QUOTE]
    if _NO_CAMERA.search(said):
        return f"{said} (power off, seat both ends of the ribbon cable, contacts the right way round)"
    if any(_IN_USE.search(line) for line in errors):
        return f"{said} (another program uses it)"
    return said
